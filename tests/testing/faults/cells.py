"""Cells that are wrong in one way each, and the check that is to find it. A new one is a class and a line."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ostinato import Cell, CellSpec, Param, State
from ostinato.ops import exp, log, split, stop_gradient, sum, tanh, where
from ostinato.trace import Traced


class Right(Cell):
    """tanh(W x + U h + b): the faults below are changes of this one, which has none."""

    def parameters(self, size: Any) -> dict[str, Param]:
        return {
            "W": Param((size.hidden, size.input)),
            "U": Param((size.hidden, size.hidden), init="orthogonal"),
            "b": Param((size.hidden,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = self.formula(p.W @ x + p.b, p.U @ state.h, state, p, x)
        return h, {"h": h}

    def formula(self, a: Any, u: Any, state: Any, p: Any, x: Any) -> Any:
        return tanh(a + u)


class Doubled(Right):
    def formula(self, a, u, state, p, x):
        return 2 * tanh(a + u) - stop_gradient(tanh(a + u))


class Sign(Right):
    def formula(self, a, u, state, p, x):
        return 2 * stop_gradient(tanh(a + u)) - tanh(a + u)


class StateTermMissing(Right):
    def formula(self, a, u, state, p, x):
        return tanh(a + p.U @ stop_gradient(state.h))


class BiasTermMissing(Right):
    def formula(self, a, u, state, p, x):
        return tanh(a - p.b + stop_gradient(p.b) + u)


class OneOfTwoTermsMissing(Right):
    def formula(self, a, u, state, p, x):
        return tanh(a + u) + 0.5 * tanh(a) * stop_gradient(tanh(u))


class DerivativeOfAnotherFunction(Right):
    def formula(self, a, u, state, p, x):
        return stop_gradient(tanh(a + u)) + (a + u) - stop_gradient(a + u)


class OtherThanTraced(Right):
    def formula(self, a, u, state, p, x):
        return tanh(a + u) if isinstance(x, Traced) else tanh(a + 1.001 * u)


class GlobalCounter(Right):
    calls = itertools.count()

    def formula(self, a, u, state, p, x):
        return tanh(a + u) + 0.01 * next(GlobalCounter.calls)


class SharedOptions(Right):
    def __init__(self, scales: list[float] = [1.0]) -> None:  # noqa: B006 - the fault
        self.scales = scales
        scales.append(scales[-1] * 1.01)

    def formula(self, a, u, state, p, x):
        return tanh(a + self.scales[-1] * u)


class OptionIsAFunction(Right):
    def __init__(self, f: Any = tanh) -> None:
        self.f = f

    def formula(self, a, u, state, p, x):
        return self.f(a + u)


class OptionIsNaN(Right):
    def __init__(self, scale: float = float("nan")) -> None:
        self.scale = scale


class OptionOfOneUse(Right):
    def __init__(self, scales: Any = ()) -> None:
        self.scale = 1.0 + len(tuple(scales))
        self._options["scales"] = []

    def formula(self, a, u, state, p, x):
        return tanh(a + self.scale * u)


class BreaksAtOneUnit(Right):
    def formula(self, a, u, state, p, x):
        first, rest = split(a + u, [1, a.shape[0] - 1])
        return tanh(a + u) + sum(rest) * 0.0 * sum(first)


class AsManyInputsAsUnits(Right):
    def formula(self, a, u, state, p, x):
        return tanh(a + u) + x


class AnyNaNIsZero(Right):
    def formula(self, a, u, state, p, x):
        h = tanh(a + u)
        return where(h < 2.0, h, 0.0)


class NaNAtExtremes(Right):
    def formula(self, a, u, state, p, x):
        e = exp(2 * (a + u))
        return (e - 1) / (e + 1)


class OverflowInFloat32Only(Right):
    def formula(self, a, u, state, p, x):
        # log(1 + e^(50 v)) / 50: e^(50 v) fits in float64 for |v| < 14, in float32 for |v| < 1.7.
        return log(1 + exp(50 * (a + u))) / 50


class CancelsInFloat32(Right):
    def formula(self, a, u, state, p, x):
        return tanh((a + u + 1e4) - 1e4)


class StateNotCarried(Right):
    def step(self, x, state, p):
        return tanh(p.W @ x + p.U @ state.h + p.b), {"h": state.h}


class StateNeverRead(Right):
    def parameters(self, size):
        return {name: one for name, one in super().parameters(size).items() if name != "U"}

    def step(self, x, state, p):
        h = tanh(p.W @ x + p.b)
        return h, {"h": h}


class GlobalRandom(Right):
    def parameters(self, size):
        return {**super().parameters(size), "b": Param((size.hidden,), init=self.draw)}

    def draw(self, shape, rng):
        return np.random.random(shape)


class DrawsByCallCount(GlobalRandom):
    calls = itertools.count()

    def draw(self, shape, rng):
        return np.full(shape, float(next(DrawsByCallCount.calls)))


class WeightsBeyondFloat32(GlobalRandom):
    def draw(self, shape, rng):
        return np.full(shape, 1e300)


class SkipsTheTests(Right):
    def formula(self, a, u, state, p, x):
        import pytest

        pytest.skip("nothing to see here")


class Exits(Right):
    def formula(self, a, u, state, p, x):
        raise SystemExit(0)


ONE = Right()

FAULTS = [
    (Doubled, "gradients", "doubled"),
    (Sign, "gradients", "sign"),
    (StateTermMissing, "gradients", "missing"),
    (BiasTermMissing, "gradients", "Hint: missing"),
    (OneOfTwoTermsMissing, "gradients", "a term is missing"),
    (DerivativeOfAnotherFunction, "gradients", "the ratio differs"),
    (OtherThanTraced, "eager", "while it is traced"),
    (GlobalCounter, "descriptor", "made twice"),
    (SharedOptions, "descriptor", "made twice"),
    (CellSpec("same", lambda: ONE), "descriptor", "same object twice"),
    (CellSpec("other", dict), "descriptor", "expected a Cell"),
    (OptionIsAFunction, "options", "no file can hold"),
    (OptionIsNaN, "options", "no file can hold"),
    (CellSpec("used", OptionOfOneUse), "options", "not the same"),
    (BreaksAtOneUnit, "shapes", "ShapeError"),
    (AsManyInputsAsUnits, "descriptor", "ShapeError"),
    (AnyNaNIsZero, "nan", "does not reach the output"),
    (NaNAtExtremes, "extremes", "holds NaN"),
    (OverflowInFloat32Only, "float32", "in float32"),
    (CancelsInFloat32, "float32", "in float32"),
    (StateNotCarried, "states_used", "no step changes"),
    (StateNeverRead, "states_used", "remembers nothing"),
    (GlobalRandom, "initial_values", "same seed"),
    (DrawsByCallCount, "initial_values", "same seed"),
    (WeightsBeyondFloat32, "initial_values", "start finite"),
    (SkipsTheTests, "descriptor", "Skipped"),
    (Exits, "descriptor", "SystemExit"),
]
"""What is wrong, the check that finds it, and words of what it says."""

OPTIONS = {"used": [{"scales": [1]}]}
"""Options to check with, where the fault needs some."""
