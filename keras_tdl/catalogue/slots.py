"""Weights of an activation in the slot of another layer, as in `Dense(4, activation=PReLU())`.

Keras makes them at the first call. Before that they are in no list of weights: an optimizer made from one never moves
them, and a file cannot be read into them. Here such an activation is built with the layer that has it, its owner.
"""

import functools
import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_tdl.catalogue.owners import Owned, watch


class InSlot(Owned, keras.layers.Layer):
    """A layer that is built with the one that has it as its `activation`, or `..._activation`."""

    #: While the shape to build for is being found: the inputs so far, which are passed on as they are. Else `None`.
    received: list[Any] | None = None
    #: Whether `build` may make weights.
    has_weights: bool = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        watch()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.received is None:
            return super().__call__(*args, **kwargs)
        self.received.append(args[0])
        return args[0]

    def owned_by(self, owner: Any, name: str) -> None:
        """Has the owner build this too."""
        if name.endswith("activation") and self.has_weights and not self.built:
            _hold(owner, name)


def _hold(owner: Any, slot: str) -> None:
    """Has the owner build what is in the slot, unless Keras traces its call to build it, and so all that is in it."""
    if isinstance(owner.build, _Build):
        owner.build.slots.append(slot)
    elif isinstance(owner, keras.layers.Activation) or type(owner).build not in _TRACED:
        owner.build = _Build(owner, slot)


#: The methods of classes that have no `build` of their own.
_TRACED = (keras.layers.Layer.build, keras.Model.build)


class _Build:
    """The `build` of a layer, followed by that of the activations in its slots."""

    def __init__(self, owner: Any, slot: str) -> None:
        self.owner = owner
        self.slots = [slot]
        self.build = owner.build
        functools.update_wrapper(self, self.build, updated=())  # Keras reads the names of the arguments

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        self.build(*args, **kwargs)
        activations = [getattr(self.owner, slot) for slot in self.slots]
        waiting = [activation for activation in activations if not activation.built]
        if not waiting:
            return
        try:
            inputs = _inputs(self.owner, waiting, [*args, *kwargs.values()])
        except Exception as error:
            warnings.warn(
                f"Expected the layer {self.owner.name!r} to show what its activation gets, so that it can be built "
                f"with it. Received {type(error).__name__} from its call. Before the first call the weights of "
                f"{', '.join(repr(activation.name) for activation in waiting)} are missing: no optimizer and no file "
                "finds them. Put the activation after the layer, as a layer of its own.",
                stacklevel=2,
            )
            return
        with keras.name_scope(self.owner.name, caller=self.owner):
            for activation, received in zip(waiting, inputs, strict=True):
                activation.build(received.shape)


def _inputs(owner: Any, activations: Sequence[Any], shapes: list[Any]) -> list[Any]:
    """What the activations get when the owner is called with inputs of these shapes, as symbolic tensors."""

    def symbolic(shape: Any) -> keras.KerasTensor:
        return keras.KerasTensor(shape, dtype=owner.compute_dtype)

    inputs = keras.tree.map_shape_structure(symbolic, shapes)
    if hasattr(owner, "get_initial_state"):  # the cell of a recurrent layer
        states = owner.get_initial_state(batch_size=1)
        inputs.append(keras.tree.map_structure(lambda state: symbolic(state.shape), states))
    return _Received(owner, activations)(*inputs)


class _Received(keras.Operation):
    """A call of the owner, whose outputs are what its activations received."""

    def __init__(self, owner: Any, activations: Sequence[Any]) -> None:
        super().__init__(name="received")
        self.owner = owner
        self.activations = activations

    def call(self, *inputs: Any) -> list[Any]:
        for activation in self.activations:
            activation.received = []
        try:
            self.owner.call(*inputs)
            return [activation.received[0] for activation in self.activations]
        finally:
            for activation in self.activations:
                activation.received = None
