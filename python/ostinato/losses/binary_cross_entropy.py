"""Cross-entropy of features that are true or false, each by itself."""

from __future__ import annotations

from ostinato.losses.loss import Loss
from ostinato.ops import Value, mean, softplus


class BinaryCrossEntropy(Loss):
    """mean(-t log p - (1 - t) log(1 - p)) over the features, p = sigmoid(y): PyTorch's BCEWithLogitsLoss.

    y (F,) logits, target (F,) probabilities from 0 to 1, usually 0 or 1. For classes that exclude each other
    use `CrossEntropy`.
    """

    name = "binary_cross_entropy"

    def target_range(self) -> tuple[float, float]:
        """From 0 to 1: for other targets the loss has no least value."""
        return 0.0, 1.0

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step; at least 0 for targets from 0 to 1."""
        # log(1 + e^y) - t y, which does not overflow
        return mean(softplus(y) - target * y)
