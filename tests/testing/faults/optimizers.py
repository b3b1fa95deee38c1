"""Optimizers that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np

from ostinato import Optimizer, OptimizerSpec
from ostinato.ops import sqrt, square, where
from ostinato.trace import Traced


class Right(Optimizer):
    """Momentum: the faults below are changes of this one, which has none."""

    slots = ("velocity",)

    def __init__(self, lr: float = 0.1) -> None:
        self.lr = lr
        super().__init__()

    def update(self, param: Any, grad: Any, slots: Any, s: Any) -> Any:
        v = 0.9 * slots.velocity + grad
        return param - s.lr * v, {"velocity": v}


class Uphill(Right):
    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return param + s.lr * v, {"velocity": v}


class RateIgnored(Right):
    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return param - 0.1 * v + 0.0 * s.lr, {"velocity": v}


class RateOfItsMaking(Right):
    """The rate is read where it was given, so that a schedule that sets it changes nothing."""

    def __init__(self, lr: float = 0.1) -> None:
        super().__init__(lr)
        self.first = lr

    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return param - self.first * v, {"velocity": v}


class OtherThanTraced(Right):
    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return param - s.lr * (v if isinstance(grad, Traced) else 1.001 * v), {"velocity": v}


class GlobalCounter(Right):
    calls = itertools.count()

    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return param - s.lr * (1 + 0.01 * next(GlobalCounter.calls)) * v, {"velocity": v}


class SharedVelocity(Right):
    """One running value for all optimizers of the class."""

    velocity: ClassVar[dict[str, Any]] = {}

    def step(self, params, grads, *, clip_norm=None):
        self.__dict__["_kept_slots"] = SharedVelocity.velocity
        return super().step(params, grads, clip_norm=clip_norm)


class VelocityNotSaved(Right):
    def state_dict(self):
        state = super().state_dict()
        return {**state, "slots": {}}


class StateIsNoCopy(Right):
    def state_dict(self):
        return {**super().state_dict(), "slots": self._kept}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.__dict__["_kept_slots"] = state["slots"]


class CountNotSaved(Right):
    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return param - s.lr / s.count * v, {"velocity": v}

    def load_state_dict(self, state):
        super().load_state_dict({**state, "steps": 0})


class GradientChanged(Right):
    def step(self, params, grads, *, clip_norm=None):
        for grad in grads.values() if isinstance(grads, dict) else [grads]:
            grad *= 0.5
        return super().step(params, grads, clip_norm=clip_norm)


class NotInPlace(Right):
    def step(self, params, grads, *, clip_norm=None):
        copies = (
            {name: value.copy() for name, value in params.items()} if isinstance(params, dict) else params
        )
        return super().step(copies, grads, clip_norm=clip_norm)


class DependsOnItsNeighbours(Right):
    """Every array is divided by its own length: an arena takes other steps than its parts."""

    def step(self, params, grads, *, clip_norm=None):
        if not isinstance(grads, dict):
            return super().step(params, grads / (1e-3 + np.linalg.norm(grads)))
        scaled = {name: grad / (1e-3 + np.linalg.norm(grad)) for name, grad in grads.items()}
        return super().step(params, scaled, clip_norm=clip_norm)


class NaNForNoGradient(Right):
    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return param - s.lr * v / sqrt(square(v)), {"velocity": v}


class OverflowsInFloat32(Right):
    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return param - s.lr * v * square(v) / square(v), {"velocity": v}


class NaNIsZero(Right):
    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + where(square(grad) < 1e300, grad, 0.0)
        return param - s.lr * v, {"velocity": v}


class CancelsInFloat32(Right):
    def update(self, param, grad, slots, s):
        v = 0.9 * slots.velocity + grad
        return (param + 1e4) - s.lr * v - 1e4, {"velocity": v}


class TakesWrongGradients(Right):
    def step(self, params, grads, *, clip_norm=None):
        if isinstance(params, dict):
            grads = {name: np.resize(grads.get(name, 0.0), value.shape) for name, value in params.items()}
        return super().step(params, grads, clip_norm=clip_norm)


class TrainsWhatIsFrozen(Right):
    def step(self, params, grads, *, clip_norm=None):
        if not isinstance(params, dict):
            params = np.asarray(params)  # a plain array knows of no frozen parts
        return super().step(params, grads, clip_norm=clip_norm)


FAULTS = [
    (Uphill, "downhill", "uphill"),
    (RateIgnored, "learning_rate", "changes nothing"),
    (RateOfItsMaking, "learning_rate", "changes nothing"),
    (OtherThanTraced, "eager", "of engine and NumPy"),
    (GlobalCounter, "descriptor", "made twice"),
    (SharedVelocity, "repeatable", "with the same options"),
    (VelocityNotSaved, "resume", "stopped after 1"),
    (StateIsNoCopy, "resume", "stopped after"),
    (CountNotSaved, "resume", "stopped after 1"),
    (GradientChanged, "in_place", "is written to"),
    (NotInPlace, "in_place", "is not changed"),
    (DependsOnItsNeighbours, "company", "differ from those of the whole"),
    (TrainsWhatIsFrozen, "frozen", "frozen: the numbers, slot 'velocity' change"),
    (NaNForNoGradient, "extremes", "NaN"),
    (OverflowsInFloat32, "extremes", "NaN"),
    (NaNIsZero, "nan", "does not reach"),
    (CancelsInFloat32, "float32", "apart"),
    (TakesWrongGradients, "bad_input", "is accepted"),
    (OptimizerSpec("other", dict), "descriptor", "expected a Optimizer"),
]
