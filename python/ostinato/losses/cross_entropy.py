"""Cross-entropy of logits with an id."""

from __future__ import annotations

from typing import ClassVar

from ostinato.losses.loss import Loss
from ostinato.ops import Value, logsumexp, pick


class CrossEntropy(Loss):
    """-log softmax(y)[target], in nats: logsumexp(y) - y[target].

    y (V,) are logits, target is an id from 0 to V - 1. It is -sum_i t_i log p_i with t one-hot.
    """

    name = "cross_entropy"
    target: ClassVar[str] = "index"

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, at least 0."""
        return logsumexp(y) - pick(y, target)
