"""The running sums of an epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Totals:
    """The sums of an epoch so far: plain numbers, so that a checkpoint can store them.

    loss: the sum over valid steps, penalty: the part that regularizers added; count: the number of valid
    steps (with weights, their sum); grad_norm: the largest norm before clipping.
    """

    loss: float = 0.0
    penalty: float = 0.0
    count: float = 0.0
    grad_norm: float = 0.0

    def add(self, loss: float, penalty: float, count: float, grad_norm: float) -> None:
        """Add one update; `loss` and `penalty` are sums over its steps."""
        self.loss += loss
        self.penalty += penalty
        self.count += count
        self.grad_norm = max(self.grad_norm, grad_norm)

    @property
    def mean_loss(self) -> float:
        """The loss per valid step; 0 if there was none."""
        return self.loss / self.count if self.count else 0.0

    @property
    def mean_penalty(self) -> float:
        """The penalty per valid step, consistent with the mean loss."""
        return self.penalty / self.count if self.count else 0.0
