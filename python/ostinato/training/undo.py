"""Undoes what a failing step of a run has changed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import described
from ostinato.optimizers.planned import PlannedStep
from ostinato.optimizers.snapshot import OptimizerSnapshot
from ostinato.plain import plain_copy
from ostinato.plugins.run_hooks import is_ours
from ostinato.schedules import Schedule
from ostinato.training.made_of import TrainerParts
from ostinato.training.source import Source
from ostinato.training.train_step import has_own_step

# The hooks of an update: a plugin with one of them may change its state in every update.
_IN_UPDATES: Final = (
    "ostinato_batch_start",
    "ostinato_train_step",
    "ostinato_after_backward",
    "ostinato_batch_end",
)


@dataclass(frozen=True)
class Cut:
    """How the last `fit` ended with an error, if it did.

    start: before its first update, so that it left nothing and is to be started again; stopped: after
    something had stopped the run, for this reason; early: whether it was `ostinato_should_stop`.
    """

    start: bool = False
    stopped: str = ""
    early: bool = False


class Undo:
    """A training as it was at a moment, to which `restore` returns it bit for bit.

    The moment is the one at which this object was made, before a `fit`, until `commit` sets another: after
    each update and each epoch, when all hooks have been called. It covers parameters, what is frozen, the
    optimizer, the states of schedule and strategies, position, history and data, and the states of plugins
    that have both `ostinato_save` and `ostinato_load`.

    The equation of an optimizer has no inverse. So where an update runs code that is not the library's (hooks
    of updates, strategies, an optimizer's own `step`), each commit copies parameters and slots. Elsewhere
    (`defers`), the step is the last part of an update, and a commit takes it: until then, nothing has written
    parameters or slots, so there is nothing to copy. Before hooks of epochs and runs, `keep` copies.
    """

    def __init__(self, trainer: TrainerParts, sources: Sequence[Source]) -> None:
        self.defers = not (
            has_own_step(trainer.optimizer)
            or not trainer._hooks.are_ours(trainer._hooks.hearing(*_IN_UPDATES))
            or not all(map(is_ours, trainer.strategies))
        )
        self._trainer = trainer
        self._sources = tuple(sources)
        hooks = trainer._hooks
        self._savers = hooks.hearing("ostinato_save") & hooks.hearing("ostinato_load")
        self._savers_in_updates = self._savers & hooks.hearing(*_IN_UPDATES)
        self._optimizer = OptimizerSnapshot(trainer.optimizer)
        self._arena: NDArray[Any] | None = None
        """A copy of the parameters at the moment, if there is one."""
        self._kept: dict[str, Any] = {}
        self._next: tuple[dict[str, Any], PlannedStep | None] | None = None
        # A plugin may have no state yet before it hears of the start of a run.
        plugins = plain_copy(hooks.save(trainer.run, self._savers, lenient=True))
        data = self._states_of_data()
        self._set({**self._of_update(), "plugins": plugins, "data": data, "commits": 0})
        if not self.defers:
            self.keep()

    @property
    def commits(self) -> int:
        """The number of commits so far."""
        count: int = self._kept["commits"]
        return count

    def keep(self) -> None:
        """Copy parameters and slots, which are as at the moment: what comes next may write them."""
        if self._arena is None:
            self._optimizer.make_room()
            arena = np.asarray(self._trainer.net.arena).copy()
            self._optimizer.copy_values()
            self._arena = arena

    def commit(self, *, planned: PlannedStep | None = None, epoch: bool = False) -> None:
        """Make this the moment, after taking a step that is planned; with `epoch`, an epoch has ended."""
        run, kept = self._trainer.run, self._kept
        # The first commit comes after the start of the run, which changes all of them.
        savers = self._savers if epoch or not self.commits else self._savers_in_updates
        plugins = self._trainer._hooks.save(run, savers)
        data = self._states_of_data(run.data) if epoch else [run.data, *kept["data"][1:]]
        states = {**kept["plugins"], **plain_copy(plugins)}
        self._set(
            {**self._of_update(), "plugins": states, "data": data, "commits": self.commits + 1}, planned
        )

    def restore(self, why: BaseException) -> None:
        """Return to the moment, because of an error. A state that its owner refuses to load is a warning."""
        if self._next is not None:  # The error came while a commit was written, which only copies.
            _, planned = self._next
            if planned is None or planned.is_begun:
                self._write(*self._next)
                return
            self._next = None
        trainer, kept = self._trainer, self._kept
        if self._arena is not None:
            np.copyto(np.asarray(trainer.net.arena), self._arena)
        trainer.net._frozen.replace(kept["frozen"])
        trainer.net.noise_calls = kept["noise_calls"]
        self._optimizer.put_back(values=self._arena is not None)
        run = trainer.run
        vars(run).clear()
        vars(run).update(kept["run"], totals=_copied(kept["run"]["totals"]))
        run.history.rows[:], run.history.measured = plain_copy(kept["rows"]), kept["measured"]
        loads: list[tuple[Callable[[Any], None], Any]] = [
            *((one.load_state_dict, kept["strategies"][one.role]) for one in trainer.strategies),
            *((one.load_state_dict, state) for one, state in zip(self._sources, kept["data"], strict=True)),
            *((partial(trainer._hooks.load, run), {name: one}) for name, one in kept["plugins"].items()),
        ]
        if isinstance(trainer.schedule, Schedule):
            loads.append((trainer.schedule.load_state_dict, kept["schedule"]))
        for load, state in loads:
            try:
                load(plain_copy(state))
            except Exception as error:
                if getattr(why, "hook", None) != "ostinato_load":  # else the error says it
                    message = f"after a failed fit, a state cannot be restored: {described(error)}"
                    warnings.warn(message, stacklevel=2)

    def _set(self, kept: dict[str, Any], planned: PlannedStep | None = None) -> None:
        """Copy everything that changes in place. All that can fail comes before the first copy."""
        self._optimizer.prepare(planned)
        if self._arena is not None and not self.defers:
            self._optimizer.make_room(prepared=True)
        self._next = kept, planned
        self._write(kept, planned)

    def _write(self, kept: dict[str, Any], planned: PlannedStep | None) -> None:
        optimizer = self._trainer.optimizer
        if planned is not None:
            planned.take(optimizer)
        self._optimizer.take()
        if self.defers:
            self._arena = None
            self._optimizer.drop_values()
        elif self._arena is not None:
            np.copyto(self._arena, np.asarray(self._trainer.net.arena))
            self._optimizer.copy_values()
        self._kept, self._next = kept, None

    def _of_update(self) -> dict[str, Any]:
        """What an update may change."""
        trainer, run = self._trainer, self._trainer.run
        schedule, history = trainer.schedule, run.history
        rows = self._kept.get("rows")
        if rows is None or len(rows) != len(history) or self._kept["run"]["history"] is not history:
            rows = plain_copy(history.rows)
        return {
            "frozen": trainer.net._frozen.offsets,
            "noise_calls": trainer.net.noise_calls,
            "schedule": plain_copy(schedule.state_dict()) if isinstance(schedule, Schedule) else {},
            "strategies": {one.role: plain_copy(one.state_dict()) for one in trainer.strategies},
            "run": {**vars(run), "totals": _copied(run.totals)},
            "rows": rows,
            "measured": history.measured,
        }

    def _states_of_data(self, *first: Any) -> list[Any]:
        """The state of each source; `first` is that of the first, if it is known."""
        return [*first, *(plain_copy(one.state_dict()) for one in self._sources[len(first) :])]


def _copied(totals: Any) -> Any:
    return replace(totals, losses=dict(totals.losses), counts=dict(totals.counts))
