"""Callbacks that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Callback, CallbackSpec, hookimpl


class Right(Callback):
    """Adds noise to gradients, less in each epoch; without a fault."""

    name = "right"

    def __init__(self, width: float = 0.1) -> None:
        self.width = width
        self._now = width

    @hookimpl
    def ostinato_after_backward(self, run: Any, grads: Any) -> None:
        grads.arena[...] += self._now * self.noise(run, grads.arena.shape)

    def noise(self, run: Any, shape: Any) -> Any:
        return run.when.rng("right").normal(size=shape)

    @hookimpl
    def ostinato_batch_end(self) -> None:
        self._now *= 0.9

    @hookimpl
    def ostinato_save(self) -> Any:
        return {"now": self._now}

    @hookimpl
    def ostinato_load(self, state: Any) -> None:
        self._now = state["now"]


class NotMarked(Right):
    def ostinato_epoch_end(self) -> None:
        """Never called."""


class NoHook(Callback):
    """Nothing."""


class NoSuchArgument(Right):
    @hookimpl
    def ostinato_epoch_end(self, loss: Any) -> None:
        """Loss is no argument."""


class NoiseOfItsOwn(Right):
    def noise(self, run: Any, shape: Any) -> Any:
        return np.random.normal(size=shape)


class Shared(Right):
    steps = np.zeros(1)

    @hookimpl
    def ostinato_after_backward(self, run: Any, grads: Any) -> None:
        self.steps[0] += 1
        grads.arena[...] *= self.steps[0]


class NotSaved(Right):
    @hookimpl
    def ostinato_save(self) -> Any:
        return {"now": self.width}


class NotLoaded(Right):
    @hookimpl
    def ostinato_load(self, state: Any) -> None:
        """Nothing."""


class Breaks(Right):
    @hookimpl
    def ostinato_run_end(self, run: Any) -> None:
        run.net.arena[...] = np.nan


class NoBatches(Right):
    @hookimpl
    def ostinato_run_end(self, run: Any) -> None:
        assert run.history["loss"][-1] > 0


FAULTS = [
    (NotMarked, "hooks", "ostinato_epoch_end is not marked"),
    (NoHook, "hooks", "it has no hook of a run"),
    (NoSuchArgument, "hooks", "loss"),
    (CallbackSpec("other", dict), "descriptor", "expected a Callback"),
    (Breaks, "run", "not finite"),
    (NoBatches, "run", "history has no 'loss'"),
    (NoiseOfItsOwn, "repeatable", "is its randomness run.when.rng(name)?"),
    (Shared, "repeatable", "differs"),
    (NotSaved, "resume", "ostinato_save"),
    (NotLoaded, "resume", "ostinato_load"),
    (NotLoaded, "undo", "what is not restored?"),
]
