"""Cross-entropy of logits with an id."""

from __future__ import annotations

from typing import ClassVar

from ostinato import checks
from ostinato.losses.loss import Loss
from ostinato.ops import Value, logsumexp, mean, pick


class CrossEntropy(Loss):
    """-log softmax(y)[target], in nats: logsumexp(y) - y[target].

    y (V,) are logits, target is an id from 0 to V - 1. It is -sum_i t_i log p_i with t one-hot.

    label_smoothing: s from 0, below 1. t is then 1 - s for the id plus s / V for every id, so that no logit
    has to grow without bound. Raises ConfigError.
    Source: Szegedy et al. 2016, "Rethinking the inception architecture for computer vision", section 7.
    """

    name = "cross_entropy"
    target: ClassVar[str] = "index"
    examples = ({}, {"label_smoothing": 0.1})

    def __init__(self, *, label_smoothing: float = 0.0) -> None:
        """Choose the share of the target that all ids have."""
        owner = "loss 'cross_entropy'"
        self.label_smoothing = checks.number(owner, "label_smoothing", label_smoothing, at_least=0, below=1)

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, at least 0."""
        share = self.label_smoothing
        if not share:
            return logsumexp(y) - pick(y, target)
        return logsumexp(y) - (1 - share) * pick(y, target) - share * mean(y)
