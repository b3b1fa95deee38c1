"""Rows of weights of one length."""

from __future__ import annotations

from typing import Any

from ostinato import Regularizer
from ostinato.ops import sqrt, sum
from ostinato_regularizers.chosen import is_chosen, pattern
from ostinato_regularizers.positive import positive

# A row of zeros stays one.
SMALLEST = 1e-30


class WeightNorm(Regularizer):
    """Uses `length v / |v|` instead of each row v of a matrix: rows learn a direction, not a length.

    Once per call, for all rows and steps, in training and in inference. Salimans and Kingma learn the length
    of each row too; here a cell has it as a gain of its own, such as the weight of a layer norm.

    length: above 0. weights: a pattern of the cell's own names, such as "weight_*"; None means the matrices
    that multiply a state. Raises ConfigError for other options, and for a pattern without a matrix.
    Source: Salimans and Kingma 2016, "Weight normalization", eq. 2.
    """

    name = "weight_norm"
    examples = ({}, {"length": 0.5, "weights": "*"})

    def __init__(self, length: float = 1.0, weights: str | None = None) -> None:
        self.length = positive("weight_norm", "length", length, zero=False)
        self.weights = pattern("weight_norm", weights)

    def weight(self, name: str, weight: Any, noise: Any) -> Any:
        """Return the matrix with rows of one length."""
        if not is_chosen(self, self.weights, name, noise):
            return weight
        return weight * (self.length / sqrt(sum(weight * weight, keepdims=True) + SMALLEST))
