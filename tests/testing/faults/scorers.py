"""Scorers that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

import itertools
from typing import Any

from ostinato import Param, Scorer, ScorerSpec
from ostinato.ops import dot, exp, log, stop_gradient, sum, tanh, where
from ostinato.trace import Traced


class Right(Scorer):
    """query . W key: the faults below are changes of this one, which has none."""

    def parameters(self, size: Any) -> dict[str, Param]:
        return {"W": Param((size.query, size.key))}

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        return dot(query, p.W @ key)


class Doubled(Right):
    def step(self, query, key, p, place):
        score = super().step(query, key, p, place)
        return 2 * score - stop_gradient(score)


class Sign(Right):
    def step(self, query, key, p, place):
        score = super().step(query, key, p, place)
        return 2 * stop_gradient(score) - score


class KeyTermMissing(Right):
    def step(self, query, key, p, place):
        return dot(query, p.W @ stop_gradient(key))


class OtherThanTraced(Right):
    def step(self, query, key, p, place):
        return super().step(query, key, p, place) * (1.0 if isinstance(key, Traced) else 1.01)


class QueryIgnored(Right):
    def step(self, query, key, p, place):
        return sum(p.W @ key) + 0.0 * sum(query)


class KeyIgnored(Right):
    def step(self, query, key, p, place):
        return sum(p.W @ (0.0 * key)) + sum(query) + place.position


class GlobalCounter(Right):
    calls = itertools.count()

    def step(self, query, key, p, place):
        return super().step(query, key, p, place) * (1 + 0.01 * next(GlobalCounter.calls))


class OneKeyOnly(Right):
    def step(self, query, key, p, place):
        return super().step(query, key, p, place) * (place.position / (place.length - 1.0))


class NaNAtExtremes(Right):
    def step(self, query, key, p, place):
        return log(exp(dot(query, p.W @ key)))


class OverflowInFloat32Only(Right):
    def step(self, query, key, p, place):
        return log(1 + exp(30 * dot(query, p.W @ key))) / 30


class NaNIsZero(Right):
    def step(self, query, key, p, place):
        score = dot(query, p.W @ key)
        return where(tanh(score) < 2.0, score, 0.0)


class OneSizeOnly(Right):
    def step(self, query, key, p, place):
        return super().step(query, key, p, place) + dot(query, key[:3])


class AMatrix(Right):
    def step(self, query, key, p, place):
        return p.W


class OptionIsAFunction(Right):
    def __init__(self, f: Any = tanh) -> None:
        self.f = f


FAULTS = [
    (Doubled, "gradients", "doubled"),
    (Sign, "gradients", "sign"),
    (KeyTermMissing, "gradients", "memory"),
    (OtherThanTraced, "eager", "while it is traced"),
    (QueryIgnored, "matters", "other queries"),
    (KeyIgnored, "matters", "other keys"),
    (KeyTermMissing, "in_a_step", "source"),
    (OneKeyOnly, "in_a_step", "row"),
    (GlobalCounter, "descriptor", "made twice"),
    (NaNAtExtremes, "extremes", "NaN"),
    (OverflowInFloat32Only, "float32", "apart"),
    (NaNIsZero, "nan", "does not reach"),
    (OneSizeOnly, "descriptor", "ShapeError"),
    (AMatrix, "descriptor", "ShapeError"),
    (OptionIsAFunction, "options", "no file can hold"),
    (ScorerSpec("other", dict), "descriptor", "Scorer"),
]
