"""Errors in units of those of the seasonal naive forecast."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ostinato import checks
from ostinato.errors import ShapeError
from ostinato.metrics.metric import Metric
from ostinato.sequences.arrays import as_numbers


class MASE(Metric):
    """The mean absolute error of a row in units of mean |t_s - t_(s - season)|, averaged over rows.

    y and target (F,). The unit is the error of the seasonal naive forecast on the targets of the row, the
    mean over its features. A row that is not longer than the season, or repeats itself exactly, has no unit
    and does not count; without any other row the metric is infinite. `mase` is for forecasts with
    the history before them. A step with the weight 0 does not count, other weights count as 1.

    season: the steps of a season, at least 1. Raises ConfigError.
    Source: Hyndman and Koehler 2006, "Another look at measures of forecast accuracy".
    """

    better: ClassVar[str] = "lower"
    examples = ({}, {"season": 2})

    def __init__(self, *, season: int = 1) -> None:
        """Choose the season."""
        self.season = checks.count("metric 'mase'", "season", season, at_least=1)

    def row(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Any:
        """Return the scaled error of the row and 1, or zeros if it has no unit."""
        y, t = outputs.astype(np.float64), targets.astype(np.float64)
        unit = _unit(t, self.season)
        return np.array([np.mean(np.abs(y - t)) / unit, 1.0] if unit > 0 else [0.0, 0.0])

    def finish(self, mean: Any) -> float:
        """Return the mean over the rows that have a unit."""
        return float(mean[0] / mean[1]) if mean[1] else np.inf


def mase(forecasts: Any, truth: Any, history: Any, season: int = 1) -> float:
    """The mean absolute error of forecasts in units of the seasonal naive error in the history before them.

    forecasts, truth: (h,). history: (n,), the series up to the first forecast. season: at least 1. NaN in
    truth or history does not count; without a unit (a history that is not longer than the season, or repeats
    itself) the result is NaN. Raises ShapeError, DTypeError, ConfigError.
    """
    checks.count("mase", "season", season, at_least=1)
    y, t = as_numbers("mase: forecasts", forecasts), as_numbers("mase: truth", truth)
    x = as_numbers("mase: history", history)
    if y.shape != t.shape or y.ndim != 1 or x.ndim != 1:
        raise ShapeError(
            f"mase: forecasts is {y.shape}, truth {t.shape}, history {x.shape}; expected (h,), (h,) and (n,)"
        )
    unit, errors = _unit(x, season), np.abs(y - t)
    known = errors[~np.isnan(t)]
    return float(known.mean() / unit) if unit > 0 and known.size else float("nan")


def _unit(series: npt.NDArray[Any], season: int) -> float:
    """The mean absolute change over a season; 0 if there is none."""
    changes = np.abs(series[season:] - series[:-season])
    known = changes[~np.isnan(changes)]
    return float(known.mean()) if known.size else 0.0
