"""What an author of a regularizer writes with: `Regularizer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.options import Configured

if TYPE_CHECKING:
    from ostinato.trace.noise import Noise


class Regularizer(Configured):
    """Small equations that are inlined at named places of any cell's step.

    Derive from it and write the methods whose places it changes. Each is given a value and `noise`, which
    draws masks in training and takes their expectation in inference (`noise.drop`, `noise.mix`), and returns
    a value of the same shape. `step_penalty` and `penalty` change nothing: they return a number that is added
    to the loss of training, or None. Options are keyword arguments of `__init__`, kept as attributes. The
    registry name is the class attribute `name`, by default the class's name in lower case.
    """

    kind: ClassVar[str] = "regularizer"

    def input(self, x: Value, noise: Noise) -> Value:
        """Return what the step is to see of its input x (input,)."""
        return x

    def weight(self, name: str, weight: Value, noise: Noise) -> Value:
        """Return what the step is to see of the parameter matrix called `name`."""
        return weight

    def recurrent(self, h: Value, noise: Noise) -> Value:
        """Return what a matrix is to multiply instead of h, a state or a product of one with a gate."""
        return h

    def product(self, y: Value, noise: Noise) -> Value:
        """Return what the step is to see of y (n,), the product of a matrix and a vector, before any bias."""
        return y

    def update(self, name: str, new: Value, old: Value, noise: Noise) -> Value:
        """Return what is to be stored as the state called `name`; an output that is `new` becomes it too."""
        return new

    def output(self, y: Value, noise: Noise) -> Value:
        """Return what the layer is to give instead of the output y (n,)."""
        return y

    def step_penalty(self, y: Value, new: Names[Value], old: Names[Value], noise: Noise) -> Value | None:
        """Return what a step adds to the loss of training, one number.

        y is the output that the layer gives, `new` and `old` are the states that it stores and that it found.
        Over steps and rows it is averaged or summed as the loss is, every valid step alike.
        """
        return None

    def penalty(self, params: Names[Value], noise: Noise) -> Value | None:
        """Return what the parameters add to the loss of training, one number, once a call.

        `params` are all parameters of the layer in one direction as they are, by their names in the cell.
        Nothing may be drawn here.
        """
        return None
