"""Checks of callbacks: hooks that a run can call, and a state that a resumed run has back."""

from __future__ import annotations

import copy
import inspect
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.callback import Callback
from ostinato.layers.dense import Dense
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.sequential import Sequential
from ostinato.network import Network
from ostinato.plugins.hook_names import LIFECYCLE
from ostinato.plugins.run_hooks import RunHooks
from ostinato.specs import Spec, hookimpl
from ostinato.testing import subject
from ostinato.testing.arrays import Arrays, same
from ostinato.testing.runner import Failed, Kind, Level, check
from ostinato.training.trainer import Trainer

EPOCHS = 4


class CallbackSubject(subject.Made):
    """A callback; every run gets a new one."""

    base = Callback

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        self.make()

    def meaning(self, made: Any) -> str:
        """Its options: what it does shows in a run."""
        return repr(made.options)

    def trainer(self, *more: Any, batches: int = 3) -> Training:
        """A new training with a new callback, and then `more`."""
        return Training((self.make(), *more), batches)


class Training:
    """A small training whose results are known bit for bit."""

    def __init__(self, callbacks: tuple[Any, ...], batches: int = 3) -> None:
        rng = np.random.default_rng(12)
        self.x = rng.standard_normal((4 * batches, 5, 2))
        self.targets = rng.standard_normal((4 * batches, 5, 2))
        self.trainer = Trainer(
            copy.deepcopy(_network()), loss="mse", optimizer="adam", callbacks=callbacks, seed=2
        )

    def fit(self, epochs: int = EPOCHS, resume: Any = False) -> Arrays:
        """Parameters, and the history by column, after so many epochs."""
        data, more = (self.x, self.targets), {"batch_size": 4, "progress": False, "resume": resume}
        history = self.trainer.fit(*data, epochs=epochs, validation=data, **more)
        columns = {
            name: np.array([row.get(name, np.nan) for row in history.rows]) for name in history.rows[0]
        }
        # by name: what a callback writes between the parameters of an arena is no parameter
        parameters = [view.ravel() for view in self.trainer.net.parameters().values()]
        return {"parameters": np.concatenate(parameters), **columns}


@cache
def _network() -> Network:
    return Sequential(Recurrent("gru", 2, 3, dtype="float64"), Dense(3, 2, dtype="float64"))


class Stumble:
    """Raises an error in one update."""

    def __init__(self, step: int) -> None:
        self.step: int | None = step

    @hookimpl
    def ostinato_batch_end(self, step: int) -> None:
        """Fail once."""
        if step == self.step:
            self.step = None
            raise ArithmeticError("the kit's own error")


class SavesAt:
    """Writes a checkpoint after one update."""

    def __init__(self, step: int, path: Path) -> None:
        self.step, self.path = step, path

    @hookimpl
    def ostinato_batch_end(self, run: Any, step: int) -> None:
        """Ask for the file."""
        if step == self.step:
            run.save(self.path)


@check("hooks")
def hooks(one: CallbackSubject) -> None:
    """Its methods with names of hooks are hooks of a run, are marked, and take arguments of these hooks."""
    made = one.make()
    named = [name for name in dir(made) if name.startswith("ostinato_")]
    for name in named:
        method = getattr(made, name)
        if inspect.isroutine(method) and not hasattr(method, "ostinato_impl"):
            raise Failed(f"{name} is not marked with @ostinato.hookimpl, so it is never called")
    if not any(name in LIFECYCLE for name in named):
        raise Failed(f"it has no hook of a run; these are {', '.join(LIFECYCLE)}")
    RunHooks({one.spec.name: made})


@check("run")
def run(one: CallbackSubject) -> None:
    """A run with it ends, with finite parameters, also one without an epoch and one of a single batch."""
    for epochs, batches in ((0, 3), (2, 1), (2, 3)):
        training = one.trainer(batches=batches)
        if epochs == 0:
            training.trainer.fit(training.x, training.targets, epochs=0, progress=False)
        else:
            training.fit(epochs)
            for name, value in training.trainer.net.parameters().items():
                if not np.isfinite(value).all():
                    raise Failed(f"after {epochs} epochs of {batches} batches, {name} is not finite")


@check("repeatable")
def repeatable(one: CallbackSubject) -> None:
    """Two runs give the same bits, one after the other or in turns: instances share nothing."""
    first = one.trainer().fit()
    same(first, one.trainer().fit(), "a second run: {} differs; is its randomness run.when.rng(name)?")
    pair = one.trainer(), one.trainer()
    for part in (False, True):
        for training in pair:
            if not part:
                training.fit(1)
    turns = [training.fit(EPOCHS - 1) for training in pair]
    same(turns[0], turns[1], "two runs in turns: {} of one differs from the other")


@check("resume")
def resume(one: CallbackSubject) -> None:
    """A run resumed from a checkpoint, after an epoch or within one, gives the same bits."""
    whole = one.trainer().fit()
    with tempfile.TemporaryDirectory() as folder:
        for step in (2, 4):
            path = Path(folder) / f"{step}.ckpt"
            one.trainer(SavesAt(step, path)).fit()
            if not path.exists():  # it stopped before
                continue
            same(
                whole,
                one.trainer(SavesAt(-1, path)).fit(resume=path),
                f"resumed after update {step + 1}: {{}} differs; has it a state without ostinato_save and "
                "ostinato_load?",
            )


@check("undo")
def undo(one: CallbackSubject) -> None:
    """After an error of another callback, a resumed run is bit-identical to one without the error."""
    whole = one.trainer().fit()
    for step in (0, 4):
        training = one.trainer(Stumble(step))
        try:
            training.fit()
        except Exception as error:
            if "the kit's own error" not in str(error):
                raise
        else:
            continue  # it stopped before
        same(
            whole,
            training.fit(resume=True),
            f"resumed after an error in update {step + 1}: {{}} differs; what is not restored?",
        )


CALLBACK: Kind[CallbackSubject] = Kind(
    "callback", (*subject.CHECKS, hooks, run, repeatable, resume, undo), CallbackSubject
)
