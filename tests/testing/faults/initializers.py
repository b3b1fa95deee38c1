"""Initializers that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np

from ostinato import InitializerSpec
from ostinato.initializers import Initializer


class Right(Initializer):
    """Normal numbers: the faults below are changes of this one, which has none."""

    def __call__(self, shape, rng):
        return rng.normal(size=shape)


class GlobalGenerator(Right):
    def __call__(self, shape, rng):
        return np.random.normal(size=shape)


class GeneratorOfItsOwn(Right):
    def __call__(self, shape, rng):
        return np.random.default_rng().normal(size=shape)


class CountsItsCalls(Right):
    calls = itertools.count()

    def __call__(self, shape, rng):
        return rng.normal(size=shape) + next(CountsItsCalls.calls)


class OtherShape(Right):
    def __call__(self, shape, rng):
        return rng.normal(size=shape[::-1])


class SinglePrecision(Right):
    def __call__(self, shape, rng):
        return rng.normal(size=shape).astype(np.float32)


class NotFinite(Right):
    def __call__(self, shape, rng):
        return np.log(np.zeros(shape))


class SharedMemory(Right):
    kept: ClassVar[dict[tuple[int, ...], Any]] = {}

    def __call__(self, shape, rng):
        return self.kept.setdefault(shape, np.ones(shape))


class NoMatrices(Right):
    def __call__(self, shape, rng):
        return np.zeros(shape[0])


class OptionIsAnArray(Right):
    def __init__(self, scale=np.ones(1)):  # noqa: B008 - the fault
        self.scale = scale


FAULTS = [
    (GlobalGenerator, "repeatable", "differ"),
    (GeneratorOfItsOwn, "repeatable", "differ"),
    (CountsItsCalls, "repeatable", "differ"),
    (OtherShape, "values", "expected float64 (3, 5)"),
    (SinglePrecision, "values", "expected float64"),
    (NotFinite, "values", "not finite"),
    (SharedMemory, "values", "same memory"),
    (NoMatrices, "values", "expected float64"),
    (OptionIsAnArray, "options", "no file can hold"),
    (InitializerSpec("other", list), "descriptor", "expected a callable"),
]
