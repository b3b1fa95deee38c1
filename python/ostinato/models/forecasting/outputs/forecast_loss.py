"""The loss of a forecaster: quantiles of all next steps, and the distribution of the next one."""

from __future__ import annotations

from collections.abc import Sequence

from ostinato.losses import Pinball
from ostinato.losses.loss import Loss
from ostinato.models.forecasting.outputs.distributions import DISTRIBUTIONS
from ostinato.ops import Value


class ForecastLoss(Loss):
    """pinball(quantiles) + share * -log p(next value).

    y (h * Q + P,): quantiles of the errors of h steps, then the outputs of the distribution. Target
    (2 h + 3,): h errors, their h weights; the weight of the next value, the value, and the logarithm of its
    expected count. Without quantiles only the distribution counts.
    """

    examples = ({}, {"quantiles": (), "distribution": "negative_binomial"})

    def __init__(
        self,
        *,
        horizon: int = 2,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        distribution: str = "normal",
        share: float = 1.0,
    ) -> None:
        """Choose the sizes, and the share of the distribution."""
        self.horizon, self.share = horizon, share
        self.quantiles, self.distribution = tuple(quantiles), distribution

    def target_size(self, width: int) -> int:
        """2 h + 3."""
        return 2 * self.horizon + 3

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step."""
        ends, made = 2 * self.horizon, DISTRIBUTIONS[self.distribution]
        direct = self.horizon * len(self.quantiles)
        weight, value, log_base = (target[ends + place : ends + place + 1] for place in range(3))
        loss = self.share * (made.nll(y[direct : direct + made.width], value, log_base) * weight[0])
        if not direct:
            return loss
        pinball = Pinball(quantiles=self.quantiles, weighted=True)
        return pinball.step(y[:direct], target[:ends]) + loss
