"""How far back the states of a model remember their inputs, and whether nearby states come together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato.analysis import LyapunovSpectrum, MemoryLength, lyapunov_spectrum, memory_length
from ostinato.errors import ConfigError
from ostinato.network import Network
from ostinato.sequences.arrays import Array


def memory_of(net: Network, rows: Sequence[Array], threshold: float) -> MemoryLength:
    """`ostinato.analysis.memory_length` of rows (T_n, F) of different lengths, aligned at their ends.

    Influence is a mean over the rows that reach so far back; `by_row` (N, T) is NaN before a row starts.
    """
    longest = max(map(len, rows))
    by_row = np.full((len(rows), longest), np.nan)
    for steps in sorted({len(row) for row in rows}):
        places = [n for n, row in enumerate(rows) if len(row) == steps]
        found = memory_length(net, np.stack([rows[n] for n in places]), threshold=threshold)
        by_row[places, longest - steps :] = found.by_row
    influence = np.sqrt(np.nanmean(by_row**2, axis=0))
    above = np.flatnonzero(influence >= threshold * influence.max())
    length = longest - 1 - int(above[0]) if influence.max() > 0 else 0
    return MemoryLength(influence, by_row, threshold, length)


def exponents_of(owner: str, net: Network, x: Array, count: int | None) -> LyapunovSpectrum:
    """`ostinato.analysis.lyapunov_spectrum` along x (T, F) or ids (T,); a tenth, at most 100, is warm-up."""
    if len(x) < 2:
        raise ConfigError(f"{owner}: there is one step; expected at least two steps in all")
    return lyapunov_spectrum(net, x[None], warmup=min(100, len(x) // 10), count=count)
