"""Dropout of a layer's input or output."""

from __future__ import annotations

from ostinato.checks import choice, number
from ostinato.ops import Value
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class Dropout(Regularizer):
    """Elements of the input or the output are 0 with probability p, the rest divided by 1 - p.

    The mask is drawn for each row and step. Inference does not change the elements. `where` is "input" or
    "output"; neither changes the states of a cell. Source: Srivastava et al. 2014.
    """

    examples = ({}, {"p": 0.3, "where": "output"})

    def __init__(self, p: float = 0.5, where: str = "input") -> None:
        """Drop with probability p, 0 <= p < 1."""
        self.p = number("regularizer 'dropout'", "p", p, at_least=0.0, below=1.0)
        self.where = choice("regularizer 'dropout'", "where", where, ("input", "output"))

    def input(self, x: Value, noise: Noise) -> Value:
        """Return x * mask if `where` is "input"."""
        return noise.drop(x, self.p) if self.where == "input" else x

    def output(self, y: Value, noise: Noise) -> Value:
        """Return y * mask if `where` is "output"."""
        return noise.drop(y, self.p) if self.where == "output" else y
