"""A penalty on large outputs."""

from __future__ import annotations

from ostinato.checks import number
from ostinato.namespace import Names
from ostinato.ops import Value, mean, square
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class ActivationPenalty(Regularizer):
    """AR: each step adds `alpha * mean(y^2)` to the training loss; y is the output of the layer.

    If the regularizers contain a dropout of the output, y is the output after the dropout, as in the source.
    The mean is over the features. Source: Merity et al. 2017, "Revisiting activation regularization for
    language RNNs", section 3.
    """

    name = "activation_penalty"

    def __init__(self, alpha: float = 2.0) -> None:
        """Add `alpha` times the mean square, alpha >= 0."""
        self.alpha = number("regularizer 'activation_penalty'", "alpha", alpha, at_least=0.0)

    def step_penalty(self, y: Value, new: Names[Value], old: Names[Value], noise: Noise) -> Value | None:
        """Return alpha * mean(y^2)."""
        return self.alpha * mean(square(y)) if self.alpha else None
