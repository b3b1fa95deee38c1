"""Forecasts as columns of a long table, with the times of the series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ostinato.models.forecasting.series.observations import Columns
from ostinato.sequences.arrays import Array


def times_after(
    columns: Columns | None, ids: Sequence[Any], lengths: Sequence[int], steps: int
) -> list[Array] | None:
    """The times of the next steps of each series; None if it was fitted without times.

    lengths: the steps so far of each.
    """
    if columns is None or columns.clock is None:
        return None
    clock, starts = columns.clock, columns.starts
    return [
        clock.after(starts[one], count - 1 + steps)[count - 1 :]
        for one, count in zip(ids, lengths, strict=True)
    ]


def forecast_table(
    columns: Columns | None,
    ids: Sequence[Any],
    lengths: Sequence[int],
    quantiles: Array,
    levels: Sequence[float],
    median: int,
) -> dict[str, Array]:
    """Quantiles (series, steps, Q) as columns: ids, times or the numbers of steps, medians, and each level.

    median: the place of its level. The names are those of the columns that were fitted.
    """
    steps = quantiles.shape[1]
    is_mixed = len({type(one) for one in ids}) > 1
    names = np.array(ids, object if is_mixed else None)
    table = {"id" if columns is None or columns.id is None else columns.id: np.repeat(names, steps)}
    times = times_after(columns, ids, lengths, steps)
    if times is None or columns is None or columns.time is None:
        table["step"] = np.tile(np.arange(1, steps + 1), len(ids))
    else:
        table[columns.time] = np.concatenate(times)
    table["y" if columns is None else columns.target] = quantiles[:, :, median].reshape(-1)
    table |= {f"{level:g}": quantiles[:, :, place].reshape(-1) for place, level in enumerate(levels)}
    return table
