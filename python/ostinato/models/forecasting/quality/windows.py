"""The windows of a fit: those that training left out measure the forecasts, and correct their quantiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ostinato.models.forecasting.quality.conformal import Windows, pooled_corrections
from ostinato.models.forecasting.quality.levels import middle
from ostinato.models.forecasting.quality.skill import skill
from ostinato.models.forecasting.series.history import History
from ostinato.sequences.arrays import Array

Errors = Callable[[Sequence[tuple[int, int]]], Array]
"""Quantiles (M, h, Q) of the errors after steps t of series n, as the model predicts them."""
Undo = Callable[[Array, float], Array]
"""Forecasts of a series, of its values z after the transform and the scale."""


@dataclass(frozen=True, eq=False)
class FitWindows:
    """series, their histories, and the numbers of those whose last window training left out."""

    series: Sequence[Array]
    rows: Sequence[History]
    held: Array
    season: int

    @property
    def left_out(self) -> list[tuple[int, int]]:
        """Series and origin of each window that training left out."""
        return self._last([int(n) for n in self.held])

    def corrections(self, errors: Errors, levels: Sequence[float], pooled: bool) -> Array:
        """The conformal corrections (Q,); zeros if no window was left out. pooled: by all windows."""
        left_out = self.left_out
        if not left_out:
            return np.zeros(len(levels))
        held = self._windows(errors, left_out)
        nothing = held[0][:0], held[1][:0]
        if not pooled:
            return pooled_corrections(held, nothing, nothing, levels)
        is_held = set(self.held.tolist())
        trained = self._last([n for n in range(len(self.rows)) if n not in is_held])
        earlier = [
            (n, t)
            for n, row in enumerate(self.rows)
            for t in range(row.origin - (row.horizon if n in is_held else 0), self.season, -row.horizon)
        ]
        return pooled_corrections(
            held, self._windows(errors, trained), self._windows(errors, earlier), levels
        )

    def skill(
        self, errors: Errors, corrections: Array, levels: Sequence[float], undo: Undo
    ) -> dict[str, float] | None:
        """MASE of the model and its rivals in the windows that training left out; None without such."""
        left_out = self.left_out
        if not left_out:
            return None
        forecasts = []
        for (n, t), found in zip(left_out, errors(left_out), strict=True):
            row, values = self.rows[n], self.series[n]
            z = row.expected[t] + row.units[t] * (found + corrections)[:, middle(levels)]
            forecasts.append((values[: t + 1], values[t + 1 :], undo(z, row.scale)))
        return skill(forecasts, self.season)

    def _last(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """The last windows of these series, where the smoothing has settled before them."""
        return [(n, self.rows[n].origin) for n in numbers if self.rows[n].origin > self.season]

    def _windows(self, errors: Errors, places: Sequence[tuple[int, int]]) -> Windows:
        if not places:
            return np.zeros((0, 0)), np.zeros(0)
        known = np.array([self.rows[n].weights[t] > 0 for n, t in places])
        wanted = np.array([self.rows[n].errors[t] for n, t in places])
        return errors(places)[known], wanted[known]
