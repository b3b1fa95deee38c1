"""The metrics that read whole rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.metrics import Metric
from ostinato.plugins.blame import blamed
from ostinato.sequences.arrays import Array


class RowMetrics:
    """The sums of one output's metrics over rows, and the number of these rows."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._metrics = metrics
        self._sums: dict[str, Array] = {}
        self._rows = 0

    def add(self, outputs: Array, targets: Array, used: Array, whole: bool, labels: bool) -> None:
        """Adds rows. outputs: (N, T, F); used: (N, T), the steps that count.

        targets: (N, T, ...); with `whole` those of rows, (N, ...), with `labels` filled up with -1.
        Raises ShapeError or ConfigError for what `row` returns.
        """
        for n in np.flatnonzero(used.any(1)):
            steps = used[n]
            target = targets[n] if whole else targets[n][steps]
            if labels:
                target = target[target >= 0].astype(np.int64)
            for name, metric in self._metrics.items():
                self._add(name, metric, outputs[n][steps], np.array(target))
            self._rows += 1

    def _add(self, name: str, metric: Metric, outputs: Array, target: Array) -> None:
        with blamed(metric):
            found = metric.row(outputs.copy(), target.copy())
        try:
            value = np.asarray(found, np.float64)
        except (TypeError, ValueError):
            raise ConfigError(
                f"metric {shown(name)}: row returns {shown(found)}; expected a number or a vector"
            ) from None
        before = self._sums.get(name)
        if value.ndim > 1 or (before is not None and before.shape != value.shape):
            expected = "a number or a vector" if before is None else f"{before.shape} as before"
            raise ShapeError(f"metric {shown(name)}: row returns shape {value.shape}; expected {expected}")
        self._sums[name] = value if before is None else before + value

    def figures(self) -> dict[str, Any]:
        """The mean of each metric over the rows: a float, or a vector."""
        means = {name: total / self._rows for name, total in self._sums.items()}
        return {name: mean if mean.ndim else float(mean) for name, mean in means.items()}
