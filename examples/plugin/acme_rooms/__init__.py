"""An example plug-in of keras_tdl. Importing it registers its rooms."""

from acme_rooms.expectile import Expectile, expectile
from acme_rooms.isru import Isru, isru

__all__ = ["Expectile", "Isru", "expectile", "isru"]
