"""The base class for authors of regularizers: `Regularizer`."""

from __future__ import annotations

from typing import Any, ClassVar

from ostinato.errors import DTypeError, a_type, shown
from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.options import Configured
from ostinato.trace.noise import Noise


class Regularizer(Configured):
    """Equations that are inlined at named places of any cell's step.

    Derive from this class and write the methods for the places to change. Each method receives a value and
    `noise`, and returns a value of the same shape. `noise` draws masks in training and takes their
    expectation in inference (`noise.drop`, `noise.mix`). `step_penalty` and `penalty` change no value: they
    return a number to add to the training loss, or None. Options are keyword arguments of `__init__`, stored
    as attributes. The registry name is the class attribute `name`, by default the class's name in lower case.

    A regularizer that changes only inputs or outputs also stands alone: as a layer of a Sequential, and
    called with a symbol.
    """

    kind: ClassVar[str] = "regularizer"

    def __call__(self, x: Any) -> Any:
        """The symbol `x` as this regularizer changes it in training: `Dropout(0.3)(x)`.

        Raises ConfigError for a regularizer of weights or states, which only a cell has; DTypeError for what
        is no symbol.
        """
        regularized = getattr(x, "_regularized", None)
        if regularized is None:
            raise DTypeError(
                f"{shown(self)} is called with {a_type(x)}; expected a symbol, such as ost.Input "
                "makes. "
                "Arrays are regularized inside a network: Sequential(..., Dropout(0.3), ...), or "
                "regularizers=[...] of a layer"
            )
        return regularized(self)

    def input(self, x: Value, noise: Noise) -> Value:
        """Return the value that replaces the input x (input,) of the step."""
        return x

    def weight(self, name: str, weight: Value, noise: Noise) -> Value:
        """Return the value that replaces the parameter matrix called `name`."""
        return weight

    def recurrent(self, h: Value, noise: Noise) -> Value:
        """Return the value that replaces h, a state or a state times a gate, where a matrix multiplies it."""
        return h

    def product(self, y: Value, noise: Noise) -> Value:
        """Return the value that replaces y (n,), the product of a matrix and a vector, before any bias."""
        return y

    def update(self, name: str, new: Value, old: Value, noise: Noise) -> Value:
        """Return the value that replaces the next state `new`; an output that equals it changes too."""
        return new

    def output(self, y: Value, noise: Noise) -> Value:
        """Return the value that replaces the output y (n,) of the layer."""
        return y

    def step_penalty(self, y: Value, new: Names[Value], old: Names[Value], noise: Noise) -> Value | None:
        """Return a number that each step adds to the training loss, or None.

        y is the output of the layer, `new` and `old` are its next and its old states. The penalties are
        averaged or summed over the valid steps, as the loss is, but without weights.
        """
        return None

    def penalty(self, params: Names[Value], noise: Noise) -> Value | None:
        """Return a number that the parameters add to the training loss, once per call, or None.

        `params` are all parameters of the layer in one direction, unchanged, by their names in the cell.
        This method must not draw random numbers.
        """
        return None
