"""Two functions, timed alternately."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Medians in seconds; the median of theirs / ours over neighbours with its bootstrap 95 % interval."""

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    pairs: int


def alternate(
    ours: Callable[[], object], theirs: Callable[[], object], seconds: float, least: int = 7
) -> Pair:
    """Runs both in random order for `seconds`, and at least `least` times; the first time is not counted."""
    order = random.Random(0)
    times: tuple[list[float], list[float]] = ([], [])
    functions = (ours, theirs)
    for function in functions:
        function()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < least:
        for which in (0, 1) if order.random() < 0.5 else (1, 0):
            start = time.perf_counter()
            functions[which]()
            times[which].append(time.perf_counter() - start)
    ratios = [b / a for a, b in zip(*times, strict=True)]
    resampled = sorted(statistics.median(order.choices(ratios, k=len(ratios))) for _ in range(500))
    return Pair(
        statistics.median(times[0]),
        statistics.median(times[1]),
        statistics.median(ratios),
        resampled[12],
        resampled[487],
        len(ratios),
    )
