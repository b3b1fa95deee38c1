"""`Head`: an affine map as a step, for the end of a `stack`."""

from __future__ import annotations

from ostinato import checks
from ostinato.cell import Param
from ostinato.dims import Dim
from ostinato.layers.dense import Affine
from ostinato.namespace import Names


class Head(Affine):
    """activation(weight @ x + bias) with `size` outputs, whatever the hidden size of the layer is.

    It is a step without a state, the last one of a `stack`: `ost.stack("gru", ost.Head(20))`. Options and
    initial values are those of `Dense`. Raises ConfigError for a size below 1 and an unknown activation.
    """

    name = "head"

    def __init__(self, size: int, activation: str = "identity", *, bias: bool = True) -> None:
        super().__init__(activation, bias)
        self.size = checks.count("Head", "size", size, at_least=1)

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return `weight` (size, input) and `bias` (size,)."""
        params = {"weight": Param((self.size, size.input), init="xavier_uniform")}
        return {**params, "bias": Param((self.size,), init="zeros")} if self.bias else params
