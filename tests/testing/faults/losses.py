"""Losses that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

import itertools
from typing import Any

from ostinato import Loss, LossSpec
from ostinato.ops import exp, log, pick, softmax, square, stop_gradient, sum, where
from ostinato.trace import Traced


class Right(Loss):
    """Half the sum of squares: the faults below are changes of this one, which has none."""

    def step(self, y: Any, target: Any) -> Any:
        return 0.5 * sum(square(y - target))


class Doubled(Right):
    def step(self, y, target):
        right = super().step(y, target)
        return 2 * right - stop_gradient(right)


class Sign(Right):
    def step(self, y, target):
        right = super().step(y, target)
        return 2 * stop_gradient(right) - right


class TermMissing(Right):
    def step(self, y, target):
        return super().step(y, target) + stop_gradient(sum(y**2))


class OtherThanTraced(Right):
    def step(self, y, target):
        return super().step(y, target) * (1.0 if isinstance(y, Traced) else 1.001)


class TargetIgnored(Right):
    def step(self, y, target):
        return sum(square(y)) + 0.0 * sum(target)


class GlobalCounter(Right):
    calls = itertools.count()

    def step(self, y, target):
        return super().step(y, target) * (1.0 + 0.01 * next(GlobalCounter.calls))


class NaiveCrossEntropy(Loss):
    target = "index"

    def step(self, y, target):
        return -log(pick(exp(y) / sum(exp(y)), target))


class LogOfSoftmax(Loss):
    target = "index"

    def step(self, y, target):
        # 0 times an infinite slope in the backward pass.
        return -sum(softmax(y) * log(softmax(y))) - log(pick(softmax(y), target))


class NaNIsZero(Right):
    def step(self, y, target):
        d = y - target
        return 0.5 * sum(where(square(d) < 1e30, square(d), 0.0))


class Vector(Right):
    def step(self, y, target):
        return square(y - target)


class BreaksAtOneFeature(Right):
    def step(self, y, target):
        return super().step(y, target) + square(y[1] - y[0])


class OverflowInFloat32Only(Right):
    def step(self, y, target):
        return log(sum(exp(40 * (y - target))) + 1) / 40


class NotInAFile(Right):
    def __init__(self, f: Any = square) -> None:
        self.f = f


FAULTS = [
    (Doubled, "gradients", "doubled"),
    (Sign, "gradients", "sign"),
    (TermMissing, "gradients", "the ratio differs"),
    (OtherThanTraced, "eager", "while it is traced"),
    (TargetIgnored, "target", "other targets give the same loss"),
    (GlobalCounter, "descriptor", "made twice"),
    (NaiveCrossEntropy, "extremes", "NaN"),
    (LogOfSoftmax, "extremes", "NaN"),
    (NaNIsZero, "nan", "does not reach the loss"),
    (Vector, "descriptor", "expected one number"),
    (BreaksAtOneFeature, "shapes", "ShapeError"),
    (OverflowInFloat32Only, "float32", "apart"),
    (NotInAFile, "options", "no file can hold"),
    (LossSpec("other", dict), "descriptor", "expected a Loss"),
]
