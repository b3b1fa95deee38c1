"""Schedules that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

import itertools
import math
from typing import Any, ClassVar

import numpy as np

from ostinato import Schedule, ScheduleSpec


class Right(Schedule):
    """Halves with every epoch of no gain: the faults below are changes of this one, which has none."""

    def __init__(self) -> None:
        self.best, self.drops = math.inf, 0

    def __call__(self, start: float, when: Any) -> float:
        return start * 0.5**self.drops / (1 + when.epoch)

    def observe(self, metrics: Any) -> None:
        if metrics["loss"] >= self.best:
            self.drops += 1
        self.best = min(self.best, metrics["loss"])

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "drops": self.drops}

    def load_state_dict(self, state: Any) -> None:
        if set(state) != {"best", "drops"}:
            super().load_state_dict(state)
        self.best, self.drops = state["best"], state["drops"]


class CountsItsCalls(Right):
    calls = 0

    def __call__(self, start, when):
        self.calls += 1
        return start / self.calls


class GlobalCounter(Right):
    calls = itertools.count(1)

    def __call__(self, start, when):
        return start / next(GlobalCounter.calls)


class StartIgnored(Right):
    def __call__(self, start, when):
        return 0.1 / (1 + when.epoch)


class BelowZero(Right):
    def __call__(self, start, when):
        return start * (1 - when.epoch / 5)


class NaNAtTheEnd(Right):
    def __call__(self, start, when):
        return start * math.inf * (1 - when.done) if when.done > 1 else start * (1 - min(when.done, 1.0))


class AnArray(Right):
    def __call__(self, start, when):
        return np.array([super().__call__(start, when)])


class BestNotSaved(Right):
    def state_dict(self):
        return {**super().state_dict(), "best": math.inf}


class AnyStateIsTaken(Right):
    def load_state_dict(self, state):
        self.best, self.drops = state.get("best", math.inf), state.get("drops", 0)


class SharedDrops(Right):
    shared: ClassVar[list[int]] = []

    def __call__(self, start, when):
        return start * 0.5 ** len(self.shared)

    def observe(self, metrics):
        self.shared.append(1)


FAULTS = [
    (CountsItsCalls, "pure", "other values"),
    (GlobalCounter, "descriptor", "made twice"),
    (StartIgnored, "start", "another start"),
    (BelowZero, "values", "finite float from 0"),
    (NaNAtTheEnd, "values", "finite float from 0"),
    (AnArray, "values", "finite float from 0"),
    (BestNotSaved, "resume", "other values"),
    (AnyStateIsTaken, "resume", "is accepted"),
    (SharedDrops, "independent", "than alone"),
    (ScheduleSpec("other", dict), "descriptor", "expected a callable"),
]
