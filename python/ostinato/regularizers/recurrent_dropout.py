"""Dropout of the state where it enters the step."""

from __future__ import annotations

from ostinato.checks import number
from ostinato.ops import Value
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class RecurrentDropout(Regularizer):
    """Elements of h that enter a matmul are dropped with probability p, with a new mask at every step.

    States that enter no matmul, such as the c of an LSTM, are not dropped. Source: Moon et al. 2015, with
    the mask on h; `VariationalDropout` keeps one mask.
    """

    name = "recurrent_dropout"

    def __init__(self, p: float = 0.25) -> None:
        """Drop with probability p, 0 <= p < 1."""
        self.p = number("regularizer 'recurrent_dropout'", "p", p, at_least=0.0, below=1.0)

    def recurrent(self, h: Value, noise: Noise) -> Value:
        """Return h * mask of the step."""
        return noise.drop(h, self.p)
