"""Metrics that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ostinato import Metric, MetricSpec
from ostinato.ops import abs, exp, log, outer, square, sum
from ostinato.trace import Traced


class Right(Metric):
    """The sum of absolute errors: the faults below are changes of this one, which has none."""

    better = "lower"

    def step(self, y: Any, target: Any) -> Any:
        return sum(abs(y - target))


class TargetIgnored(Right):
    def step(self, y, target):
        return sum(abs(y)) + 0.0 * sum(target)


class OtherThanTraced(Right):
    def step(self, y, target):
        return super().step(y, target) + (0.0 if isinstance(y, Traced) else 1.0)


class GlobalCounter(Right):
    calls = itertools.count()

    def step(self, y, target):
        return super().step(y, target) * (1 + 0.01 * next(GlobalCounter.calls))


class Matrix(Right):
    def step(self, y, target):
        return outer(y, target)


class Rows(Metric):
    """The mean error of each row and its length, right: what follows are changes of this one."""

    better = "lower"

    def row(self, outputs, targets):
        return np.array([np.abs(outputs - targets).sum(), len(outputs)])

    def finish(self, mean):
        return float(mean[0] / mean[1])


class RowsOfUnlikeShapes(Rows):
    def row(self, outputs, targets):
        return np.abs(outputs - targets).sum(1)


class RowsOfNaN(Rows):
    def row(self, outputs, targets):
        return super().row(outputs, targets) * (math.nan if len(outputs) == 3 else 1.0)


class RowsAndSteps(Rows):
    def step(self, y, target):
        return sum(abs(y - target))


class NaNAtExtremes(Right):
    def step(self, y, target):
        return log(sum(exp(y))) - log(sum(exp(y + target)))


class OverflowInFloat32Only(Right):
    def step(self, y, target):
        return log(1 + sum(exp(40 * (y - target)))) / 40


class FinishedByNaN(Right):
    def finish(self, mean):
        return math.nan


class FinishKeepsASum(Right):
    """Adds to what earlier calls left, where the mean of the engine is all there is."""

    kept = 0.0

    def finish(self, mean):
        FinishKeepsASum.kept += mean
        return FinishKeepsASum.kept


class BetterIsAnything(Right):
    better = "bigger"


class OptionIsAFunction(Right):
    def __init__(self, f: Any = square) -> None:
        self.f = f


FAULTS = [
    (TargetIgnored, "target", "other targets give the same"),
    (OtherThanTraced, "eager", "while it is traced"),
    (GlobalCounter, "descriptor", "made twice"),
    (Matrix, "descriptor", "expected one number, or a vector"),
    (RowsOfUnlikeShapes, "row", "one shape for all rows"),
    (RowsOfNaN, "row", "nan"),
    (RowsAndSteps, "descriptor", "step and row"),
    (NaNAtExtremes, "extremes", "NaN"),
    (OverflowInFloat32Only, "float32", "apart"),
    (FinishedByNaN, "finish", "nan"),
    (FinishKeepsASum, "finish", ", then "),
    (BetterIsAnything, "descriptor", "'lower', 'higher' or 'nearest to 0.8'"),
    (OptionIsAFunction, "options", "no file can hold"),
    (MetricSpec("other", dict), "descriptor", "expected a Metric"),
]
