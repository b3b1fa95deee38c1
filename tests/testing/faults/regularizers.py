"""Regularizers that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

import itertools
from typing import Any

from ostinato import Regularizer, RegularizerSpec
from ostinato.ops import exp, square, stop_gradient, sum, where


class Right(Regularizer):
    """Dropout of the output: the faults below are changes of this one, which has none."""

    def __init__(self, p: float = 0.3) -> None:
        self.p = p

    def output(self, y: Any, noise: Any) -> Any:
        return noise.drop(y, self.p)


class NotScaled(Right):
    def output(self, y, noise):
        return y * where(noise.uniform(y.shape) < self.p, 0.0, 1.0) if noise.training else y


class ScaledAway(Right):
    def output(self, y, noise):
        return noise.drop(y, self.p) * (1 - self.p) if noise.training else y


class BiasedNoise(Right):
    def output(self, y, noise):
        return y + 0.1 * noise.uniform(y.shape) if noise.training else y


class DoesNothing(Right):
    def output(self, y, noise):
        return y


class GradientStopped(Right):
    def output(self, y, noise):
        return stop_gradient(noise.drop(y, self.p))


class GradientDoubled(Right):
    def output(self, y, noise):
        y = noise.drop(y, self.p)
        return 2 * y - stop_gradient(y)


class GlobalCounter(Right):
    calls = itertools.count()

    def output(self, y, noise):
        return noise.drop(y, self.p) * (1.0 + 0.01 * next(GlobalCounter.calls))


class DrawsInInference(Right):
    def output(self, y, noise):
        return y * where(noise.uniform(y.shape) < self.p, 0.0, 1.0)


class PenaltyDoubled(Regularizer):
    def penalty(self, params, noise):
        price = sum(square(params.bias_ih))
        return 2 * price - stop_gradient(price)


class StepPenaltyOfAnotherSign(Regularizer):
    def step_penalty(self, y, new, old, noise):
        price = sum(square(y - old.h))
        return 2 * stop_gradient(price) - price


class PenaltyIsAVector(Regularizer):
    def step_penalty(self, y, new, old, noise):
        return square(y)


class PenaltyNaNAtExtremes(Regularizer):
    def step_penalty(self, y, new, old, noise):
        return sum(exp(1e3 * new.c) / exp(1e3 * new.c))


class OtherShape(Right):
    def output(self, y, noise):
        return y[:-1]


class NotInAFile(Right):
    def __init__(self, p: Any = (0.3).hex) -> None:
        self.p = 0.3


FAULTS = [
    (NotScaled, "expectation", "on average"),
    (ScaledAway, "expectation", "on average"),
    (BiasedNoise, "expectation", "on average"),
    (DoesNothing, "changes", "what one without it does"),
    (GradientStopped, "gradients", "missing"),
    (GradientDoubled, "gradients", "a term is missing, or one too many"),
    (PenaltyDoubled, "gradients", "bias_ih"),
    (StepPenaltyOfAnotherSign, "gradients", "Hint"),
    (PenaltyIsAVector, "descriptor", "expected one number"),
    (PenaltyNaNAtExtremes, "extremes", "NaN"),
    (GlobalCounter, "descriptor", "made twice"),
    (DrawsInInference, "descriptor", "noise.uniform in inference"),
    (OtherShape, "descriptor", "ShapeError"),
    (NotInAFile, "options", "no file can hold"),
    (RegularizerSpec("other", dict), "descriptor", "Regularizer"),
]
