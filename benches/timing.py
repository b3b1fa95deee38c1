"""Two functions, timed alternately."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


class Seconds(float):
    """What a function returns that took its own time, in another process; it counts instead of ours."""


@dataclass(frozen=True)
class Pair:
    """Medians in seconds; the median of theirs / ours over neighbors with its bootstrap 95 % interval."""

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float
    pairs: int

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> Pair:
        """From the times of neighbors."""
        order = random.Random(0)
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        resampled = sorted(statistics.median(order.choices(ratios, k=len(ratios))) for _ in range(500))
        return cls(
            statistics.median(ours),
            statistics.median(theirs),
            statistics.median(ratios),
            resampled[12],
            resampled[487],
            len(ratios),
        )


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
            result = functions[which]()
            taken = time.perf_counter() - start
            times[which].append(float(result) if isinstance(result, Seconds) else taken)
    return Pair.of(*times)
