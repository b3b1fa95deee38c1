"""`Layer`: a layer with weights, as Keras writes it; files and networks are compared in this form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RECURRENT: Final = ("SimpleRNN", "LSTM", "GRU")
KINDS: Final = (*RECURRENT, "Dense", "Embedding")
UNKNOWN: Final = ("activation", "reset_after")
"""The options that may be None."""


@dataclass(frozen=True)
class Layer:
    """What a layer computes, as far as a file or a network says.

    inputs: features, or ids of an Embedding; units: of one direction. activation: of SimpleRNN and Dense.
    An activation or a reset_after of None is not known: a file of weights has no options.
    """

    kind: str
    inputs: int
    units: int
    bias: bool = True
    bidirectional: bool = False
    activation: str | None = None
    reset_after: bool | None = None

    def __str__(self) -> str:
        options = "" if self.bias or self.kind == "Embedding" else ", use_bias=False"
        if self.activation not in (None, "tanh" if self.kind == "SimpleRNN" else "linear"):
            options += f", activation={self.activation!r}"
        if self.reset_after is not None:
            options += f", reset_after={self.reset_after}"
        text = f"{self.kind}({self.inputs} -> {self.units}{options})"
        return f"Bidirectional({text})" if self.bidirectional else text

    def fits(self, other: Layer) -> bool:
        """Whether both are the same layer, where both are known."""
        return all(
            mine == vars(other)[name] or (name in UNKNOWN and None in (mine, vars(other)[name]))
            for name, mine in vars(self).items()
        )
