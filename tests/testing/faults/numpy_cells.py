"""Cells in plain NumPy that are wrong in one way each: their own gradients, and what Python code can do."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

import ostinato as ost
from ostinato import Cell, Param, State


class Right(Cell):
    """h' = tanh(W x + U h) with its gradient: the faults below are changes of this one, which has none."""

    def parameters(self, size: Any) -> dict[str, Param]:
        return {"W": Param((size.hidden, size.input)), "U": Param((size.hidden, size.hidden))}

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = np.tanh(np.asarray(p.W @ x + p.U @ state.h, dtype=float))
        return h, {"h": h}

    def vjp(self, x: Any, state: Any, p: Any, d_output: Any, d_state: Any) -> Any:
        h, _ = Right.step(self, x, state, p)
        d = (d_output + d_state.h) * (1 - h * h)
        return p.W.T @ d, {"h": p.U.T @ d}, {"W": np.outer(d, x), "U": np.outer(d, state.h)}


class RightForManyRows(Right):
    """The same, for all rows together."""

    batched = True

    def step(self, x, state, p):
        h = np.tanh(x @ p.W.T + state.h @ p.U.T)
        return h, {"h": h}

    def vjp(self, x, state, p, d_output, d_state):
        h, _ = RightForManyRows.step(self, x, state, p)
        d = (d_output + d_state.h) * (1 - h * h)
        return d @ p.W, {"h": d @ p.U}, {"W": d.T @ x, "U": d.T @ state.h}


class WeightDoubled(Right):
    def vjp(self, *given):
        d_x, d_state, d = super().vjp(*given)
        return d_x, d_state, {**d, "W": 2 * d["W"]}


class InputSign(Right):
    def vjp(self, *given):
        d_x, d_state, d = super().vjp(*given)
        return -d_x, d_state, d


class RecurrentWeightLeftOut(Right):
    def vjp(self, *given):
        d_x, d_state, d = super().vjp(*given)
        return d_x, d_state, {**d, "U": 0 * d["U"]}


class NothingThroughTheState(Right):
    def vjp(self, *given):
        d_x, d_state, d = super().vjp(*given)
        return d_x, {"h": 0 * d_state["h"]}, d


class StateGradientIgnored(Right):
    def vjp(self, x, state, p, d_output, d_state):
        return super().vjp(x, state, p, d_output, type(d_state)("", "", {"h": 0 * d_state.h}))


class Transposed(Right):
    def vjp(self, *given):
        d_x, d_state, d = super().vjp(*given)
        return d_x, d_state, {**d, "U": d["U"].T}


class GradientClipped(Right):
    """Clips in the vjp: right for what is small, and no gradient for the rest."""

    def vjp(self, *given):
        d_x, d_state, d = super().vjp(*given)
        return np.clip(d_x, -0.05, 0.05), d_state, d


class GradientAddedUp(Right):
    """Adds to what earlier calls left."""

    def vjp(self, *given):
        d_x, d_state, d = super().vjp(*given)
        kept = getattr(self, "kept", 0.0)
        self.kept = d["W"] + (kept if np.shape(kept) == d["W"].shape else 0.0)
        return d_x, d_state, {**d, "W": self.kept}


class Random(Right):
    def step(self, x, state, p):
        h = super().step(x, state, p)[0] + 1e-9 * np.random.random()
        return h, {"h": h}


class CountsItsCalls(Right):
    calls = itertools.count()

    def step(self, x, state, p):
        h = super().step(x, state, p)[0] + 1e-9 * next(CountsItsCalls.calls)
        return h, {"h": h}


class KeepsItsOwnState(Right):
    """Carries the state on the side: the one that it is given is not read."""

    def step(self, x, state, p):
        kept = getattr(self, "kept", state.h)
        own = type(state)("", "", {"h": kept if kept.shape == state.h.shape else state.h})
        self.kept = super().step(x, own, p)[0]
        return self.kept, {"h": self.kept}


class RowsMixed(RightForManyRows):
    def step(self, x, state, p):
        h = super().step(x, state, p)[0]
        return h, {"h": h + 1e-3 * h.mean(axis=0)}


class StateOfTheRowBefore(RightForManyRows):
    def step(self, x, state, p):
        h = super().step(x, state, p)[0]
        return h, {"h": np.roll(h, 1, axis=0)}


class DividedByTheRows(RightForManyRows):
    def step(self, x, state, p):
        h = np.tanh(x @ p.W.T + state.h @ p.U.T / len(x))
        return h, {"h": h}


class MeanGradient(RightForManyRows):
    """The mean over the rows, where the sum belongs."""

    def vjp(self, *given):
        d_x, d_state, d = super().vjp(*given)
        return d_x, d_state, {name: value / len(d_x) for name, value in d.items()}


class DependsOnThreads(Right):
    def step(self, x, state, p):
        h = super().step(x, state, p)[0] * (1 + 1e-6 * ost.get_num_threads())
        return h, {"h": h}


class WritesItsInput(Right):
    def step(self, x, state, p):
        x *= 0.5
        return super().step(x, state, p)


class OneUnitIsANumber(Right):
    def step(self, x, state, p):
        h = np.squeeze(super().step(x, state, p)[0])
        return h, {"h": h}


class NaNAtExtremes(Right):
    def step(self, x, state, p):
        e = np.exp(np.asarray(2 * (p.W @ x + p.U @ state.h), dtype=float))
        return (e - 1) / (e + 1), {"h": (e - 1) / (e + 1)}


class NaNIsZero(Right):
    def step(self, x, state, p):
        h = np.nan_to_num(super().step(x, state, p)[0])
        return h, {"h": h}


class Raises(Right):
    def step(self, x, state, p):
        if np.asarray(x, dtype=float)[0] > 100:
            raise OverflowError("too large")
        return super().step(x, state, p)


FAULTS = [
    (WeightDoubled, "gradients", "doubled"),
    (InputSign, "gradients", "sign"),
    (RecurrentWeightLeftOut, "gradients", "left out of the vjp"),
    (NothingThroughTheState, "gradients", "initial_state.h"),
    (StateGradientIgnored, "gradients", "analytic"),
    (Transposed, "gradients", "the ratio differs"),
    (GradientClipped, "linear_vjp", "twice"),
    (GradientAddedUp, "repeatable", "params.W_l0"),
    (Random, "repeatable", "outputs"),
    (CountsItsCalls, "repeatable", "outputs"),
    (KeepsItsOwnState, "repeatable", "outputs"),
    (RowsMixed, "batch_company", "by themselves"),
    (StateOfTheRowBefore, "batch_company", "by themselves"),
    (DividedByTheRows, "batch_company", "by themselves"),
    (MeanGradient, "gradients", "constant factor 0.3333"),
    (DependsOnThreads, "threads", "threads"),
    (WritesItsInput, "descriptor", "read-only"),
    (OneUnitIsANumber, "shapes", "expected"),
    (NaNAtExtremes, "extremes", "NaN"),
    (NaNIsZero, "nan", "does not reach the output"),
    (Raises, "extremes", "too large"),
]
