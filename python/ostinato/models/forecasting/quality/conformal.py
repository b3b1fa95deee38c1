"""Conformal correction of quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.sequences.arrays import Array

Windows = tuple[Array, Array]
"""Predicted quantiles (M, Q) and what came (M,)."""


def corrections(predicted: Array, wanted: Array, levels: Sequence[float]) -> Array:
    """What to add to each quantile, (Q,), so that intervals hold as often as they say.

    predicted: (M, Q) rising quantiles; wanted: (M,) what came. Two quantiles q and 1 - q are an interval that
    should hold 1 - 2q of all. Both ends move by the quantile of max(low - y, y - high) that makes it so. A
    quantile without such a partner does not move. Source: Romano et al. 2019, "Conformalized quantile
    regression", eq. 6-8.
    """
    moved = np.zeros(len(levels))
    for low, level in enumerate(levels):
        for high in range(low + 1, len(levels)):
            if abs(level + levels[high] - 1.0) > 1e-9 or not len(wanted):
                continue
            missed = np.sort(np.maximum(predicted[:, low] - wanted, wanted - predicted[:, high]))
            share = (1.0 - 2.0 * level) * (len(missed) + 1)
            by = missed[min(max(int(np.ceil(share)) - 1, 0), len(missed) - 1)]
            moved[low], moved[high] = -by, by
    return moved


def pooled_corrections(held: Windows, trained: Windows, earlier: Windows, levels: Sequence[float]) -> Array:
    """The corrections of all windows, with the optimism of those that trained taken out.

    Each is predicted (M, Q) and wanted (M,), as of `corrections`. held: the last windows of series, left out
    of training; trained: the last windows of the other series; earlier: all windows that trained. The last
    windows say how good or bad the time is in which they happen to be. All windows do not, but training has
    seen them. So their corrections are moved by the difference of the two kinds of last windows, which are of
    one time.
    """
    moved = corrections(*held, levels)
    if len(trained[1]) and len(earlier[1]):
        moved = moved + corrections(*earlier, levels) - corrections(*trained, levels)
    return moved
