"""Documentation derived from the cards: a page and a curve for each entry, by the MkDocs plugin `keras_tdl`."""
