"""REINFORCE."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Estimator, Sample


class Reinforce(Estimator):
    """The gradient of the expected share of right ids of what the network writes; the baseline is the mean.

    Source: Williams 1992, "Simple statistical gradient-following algorithms", eq. 4.
    """

    name = "reinforce2"
    samples = True
    examples = ({"steps": 6},)

    def __init__(self, steps: int = 10) -> None:
        self.steps = steps

    def estimate(self, core: Any, batch: Any) -> tuple[float, Any]:
        drawn = core.decode(batch, end=None, max_length=self.steps, sample=Sample(seed=batch.seed))
        rows, steps = batch.fed_shape
        ids = np.zeros((rows, steps), int)
        count = min(steps, self.steps)
        ids[:, :count] = [row[0].tokens[:count] for row in drawn]
        valid = np.arange(steps) < np.minimum(batch.row_lengths, count)[:, None]
        right = (ids == batch.targets) & valid
        reward = right.sum(1) / np.maximum(valid.sum(1), 1)
        weights = np.where(valid, (reward - reward.mean())[:, None] / rows, 0.0)
        _, slopes = core.sum_and_grad(batch.replace(targets=ids, weights=weights))
        return -float(reward.mean()), slopes
