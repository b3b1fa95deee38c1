"""Dropout with one mask for a whole sequence."""

from __future__ import annotations

from ostinato.checks import number
from ostinato.ops import Value
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class VariationalDropout(Regularizer):
    """Elements of h that enter a matmul are dropped with probability p, with one mask for all steps of a row.

    `inputs` is the same for the input. All gates have the same mask. Source: Gal and Ghahramani 2016, eq. 7.
    """

    name = "variational_dropout"

    examples = ({}, {"p": 0.3, "inputs": 0.2})

    def __init__(self, p: float = 0.5, inputs: float = 0.0) -> None:
        """Drop states with probability p and inputs with probability `inputs`, both 0 <= p < 1."""
        owner = "regularizer 'variational_dropout'"
        self.p = number(owner, "p", p, at_least=0.0, below=1.0)
        self.inputs = number(owner, "inputs", inputs, at_least=0.0, below=1.0)

    def input(self, x: Value, noise: Noise) -> Value:
        """Return x * mask of the sequence."""
        return noise.drop(x, self.inputs, per="sequence")

    def recurrent(self, h: Value, noise: Noise) -> Value:
        """Return h * mask of the sequence."""
        return noise.drop(h, self.p, per="sequence")
