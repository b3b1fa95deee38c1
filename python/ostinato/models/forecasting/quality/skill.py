"""How well a forecaster does on windows that training left out, and its rivals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ostinato.metrics.mase import mase
from ostinato.models.forecasting.quality.rivals import RIVALS
from ostinato.sequences.arrays import Array


def skill(windows: Sequence[tuple[Array, Array, Array]], season: int) -> dict[str, float] | None:
    """The mean MASE of forecasts and of each rival; None if there is no window to measure.

    windows: the history (n,), what came after it (h,), and the forecast (h,) of each.
    """
    found: dict[str, list[float]] = {"model": [], **{name: [] for name in RIVALS}}
    for history, truth, forecast in windows:
        if np.isnan(history).all():
            continue
        forecasts = {"model": forecast}
        forecasts |= {name: rival(history, len(truth), season) for name, rival in RIVALS.items()}
        measured = {name: mase(one, truth, history, season) for name, one in forecasts.items()}
        if all(map(math.isfinite, measured.values())):
            for name, value in measured.items():
                found[name].append(value)
    return {name: float(np.mean(values)) for name, values in found.items()} if found["model"] else None
