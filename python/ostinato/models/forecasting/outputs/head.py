"""The outputs of a forecaster: quantiles of all next steps, a distribution of the next one, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.losses import Pinball
from ostinato.models.base.sequence_model import Examples
from ostinato.models.forecasting.outputs.distributions import DISTRIBUTIONS, Distribution
from ostinato.models.forecasting.outputs.forecast_loss import ForecastLoss
from ostinato.models.forecasting.outputs.roll_out import log_base
from ostinato.models.forecasting.series.history import History
from ostinato.models.forecasting.series.transform import Transform
from ostinato.sequences.arrays import Array

SHARE: Final = 0.1
"""The share of the distribution in a loss that has quantiles too."""
METHODS: Final = ("auto", "direct", "recursive")


@dataclass(frozen=True)
class Head:
    """Outputs: `horizon` * Q quantiles of errors if the method is direct, then those of the distribution."""

    method: str
    horizon: int
    levels: tuple[float, ...]
    distribution: str | None

    @classmethod
    def of(
        cls, owner: str, method: object, horizon: int, levels: tuple[float, ...], distribution: object
    ) -> Head:
        """By the arguments of an estimator. Raises ConfigError."""
        checks.choice(owner, "method", method, METHODS)
        if distribution is not None:
            checks.choice(owner, "distribution", distribution, tuple(DISTRIBUTIONS))
            if method == "direct":
                raise ConfigError(
                    f"{owner}: distribution is {shown(distribution)}, which method='direct' does not use; "
                    "expected None, or method='auto' or 'recursive'"
                )
        chosen = None if method == "direct" else str(distribution or "normal")
        return cls(str(method), horizon, levels, chosen)

    @property
    def is_direct(self) -> bool:
        """Whether there are quantiles of all next steps."""
        return self.method != "recursive"

    @property
    def drawn(self) -> Distribution | None:
        """The distribution of the next value."""
        return None if self.distribution is None else DISTRIBUTIONS[self.distribution]

    @property
    def is_counts(self) -> bool:
        """Whether the next value is a count."""
        return self.drawn is not None and self.drawn.is_counts

    @property
    def quantile_width(self) -> int:
        """The outputs that are quantiles."""
        return self.horizon * len(self.levels) if self.is_direct else 0

    @property
    def width(self) -> int:
        """All outputs."""
        return self.quantile_width + (0 if self.drawn is None else self.drawn.width)

    def transform(self, owner: str, given: object, ids: Sequence[Any], series: Sequence[Array]) -> Transform:
        """Of the values; counts have none. Raises ConfigError."""
        made = Transform.of(owner, given, series)
        if not self.is_counts:
            return made
        if given == "log":
            raise ConfigError(
                f"{owner}: transform is 'log', but counts have no logarithm where they are 0; expected "
                "'auto' or 'none'"
            )
        for name, values in zip(ids, series, strict=True):
            self.check(f"{owner}: y[{shown(name)}]", values)
        return Transform(False)

    def check(self, what: str, values: Array) -> None:
        """Raises ConfigError for a value that the distribution does not have."""
        if not self.is_counts:
            return
        wrong = np.flatnonzero((values < 0) | (np.floor(values) != values) & ~np.isnan(values))
        if wrong.size:
            raise ConfigError(
                f"{what} has {values[wrong[0]]} at {int(wrong[0])}; distribution='negative_binomial' is of "
                "counts 0, 1, 2, ...; expected them, or another distribution"
            )

    def values(self, forecast: Array) -> Array:
        """Forecasts as values that the distribution has: of counts the nearest count, at least 0."""
        if not self.is_counts:
            return forecast
        made: Array = np.maximum(np.rint(forecast), 0.0) + 0.0  # no -0
        return made

    def errors(self, outputs: Array) -> Array:
        """Rising quantiles (..., h, Q) of the errors, of outputs (..., width)."""
        own = outputs[..., : self.quantile_width].astype(np.float64)
        found: Array = np.sort(own.reshape(*outputs.shape[:-1], self.horizon, len(self.levels)), axis=-1)
        return found

    def loss(self) -> Any:
        """Of these outputs."""
        if self.distribution is None:
            return Pinball(quantiles=self.levels, weighted=True)
        levels, share = (self.levels, SHARE) if self.is_direct else ((), 1.0)
        return ForecastLoss(
            horizon=self.horizon, quantiles=levels, distribution=self.distribution, share=share
        )

    def examples(self, rows: Sequence[History]) -> Examples:
        """Histories as a trainer takes them."""
        targets, weights = [], []
        for row in rows:
            parts = [row.errors, row.weights]
            used = row.weights.sum(1) > 0
            if self.drawn is not None:
                values = row.counts[:, None] if self.drawn.is_counts else row.errors[:, :1]
                base = np.zeros(len(row))
                if self.drawn.is_counts:
                    base = log_base(row.expected[:, 0], np.full(len(row), row.scale))
                parts += [row.next_weights[:, None], values, base[:, None]]
                used = (used & self.is_direct) | (row.next_weights > 0)
            targets.append(np.concatenate(parts, 1).astype(np.float32))
            weights.append(used.astype(np.float32))
        return Examples([row.features for row in rows], targets, weights)
