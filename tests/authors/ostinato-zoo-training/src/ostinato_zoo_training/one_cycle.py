"""The one-cycle schedule."""

from __future__ import annotations

import math
from typing import Any

from ostinato import Schedule


class OneCycle(Schedule):
    """Up to `peak` times the start in the first `rise` of the run, then down to 0, along cosines.

    Source: Smith and Topin 2019, "Super-convergence".
    """

    name = "one_cycle"
    examples = ({}, {"peak": 4.0, "rise": 0.5})

    def __init__(self, peak: float = 10.0, rise: float = 0.3) -> None:
        self.peak, self.rise = peak, rise

    def __call__(self, start: float, when: Any) -> float:
        done = min(when.done, 1.0)
        if done < self.rise:
            return float(start * (1 + (self.peak - 1) * (1 - math.cos(math.pi * done / self.rise)) / 2))
        return float(start * self.peak * (1 + math.cos(math.pi * (done - self.rise) / (1 - self.rise))) / 2)
