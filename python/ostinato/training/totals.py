"""The running sums of an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Totals:
    """The sums of an epoch so far: plain numbers, so that a checkpoint can store them.

    losses: by output, the sum over valid steps (or rows); counts: by output, the number of valid steps (or
    rows; with weights, their sum); penalty: the sum of the part that regularizers added, which counts like
    the first output; grad_norm: the largest norm before clipping.
    """

    losses: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)
    penalty: float = 0.0
    grad_norm: float = 0.0

    def add(
        self, losses: Mapping[str, float], counts: Mapping[str, float], penalty: float, grad_norm: float
    ) -> None:
        """Add one update; `losses` and `penalty` are sums over its steps."""
        for name, loss in losses.items():
            self.losses[name] = self.losses.get(name, 0.0) + loss
            self.counts[name] = self.counts.get(name, 0.0) + counts[name]
        self.penalty += penalty
        self.grad_norm = max(self.grad_norm, grad_norm)

    @property
    def mean_losses(self) -> dict[str, float]:
        """By output, the loss per valid step; NaN if there was none."""
        return {name: _ratio(loss, self.counts[name]) for name, loss in self.losses.items()}

    @property
    def mean_loss(self) -> float:
        """The sum of the mean losses."""
        return sum(self.mean_losses.values(), 0.0)

    @property
    def mean_penalty(self) -> float:
        """The penalty per valid step, consistent with the mean loss."""
        return _ratio(self.penalty, next(iter(self.counts.values()), 0.0))


def _ratio(total: float, count: float) -> float:
    return total / count if count else math.nan
