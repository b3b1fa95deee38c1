"""An error at one point of a `fit`: the state after it, and the run that goes on."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ostinato.training.undo import Undo
from tests.failures.injector import InjectedError, Injector, Site
from tests.failures.runs import TASKS, Task
from tests.failures.state import differing, whole_state


@dataclass
class Clean:
    """A `fit` without an error: its state before, after each whole update and epoch, and after."""

    states: list[Any]
    end: Any
    sites: dict[Site, list[int]]
    """Each place at which an error may come -> the points there, in order."""

    def chosen(self, rng: random.Random, most: int | None = None) -> list[int]:
        """Points for errors: the first, the last and another one of each place, or at `most` so many places.

        Those come first where what a user gives is called, or the engine.
        """
        sites = sorted(self.sites, key=lambda site: (not site.primary, rng.random()))[:most]
        some = most is not None
        found = [
            {rng.choice(one)} if some else {one[0], one[-1], rng.choice(one)}
            for one in map(self.sites.__getitem__, sites)
        ]
        return [point for points in found for point in points]


@contextmanager
def commits(note: Callable[[], None]) -> Iterator[None]:
    """Within it, `note` is called after each whole update or epoch."""
    commit = Undo.commit

    def noted(self: Undo, **options: Any) -> None:
        commit(self, **options)
        note()

    Undo.commit = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        Undo.commit = commit  # type: ignore[method-assign]


def clean(name: str, folder: Path) -> Clean:
    """The run that errors are compared with."""
    TASKS[name](folder).fit(False)  # what is made once in a process is made
    task = TASKS[name](folder)
    states = [whole_state(task.trainer, *task.data)]
    with commits(lambda: states.append(_state(task))):
        task.fit(False)
    again = TASKS[name](folder)
    counting = Injector()
    assert counting.run(lambda: again.fit(False)) is None
    end = whole_state(task.trainer, *task.data)
    assert differing(end, whole_state(again.trainer, *again.data)) == []
    return Clean(states, end, counting.sites)


def _state(task: Task) -> Any:
    return whole_state(task.trainer, *task.data)


def faults(
    name: str, folder: Path, expected: Clean, at: int, kind: type[BaseException] = InjectedError
) -> list[str]:
    """What is wrong after an error at a point, and after the rest of the run; empty if nothing is."""
    task = TASKS[name](folder)
    done, handler = [0], signal.getsignal(signal.SIGINT)

    def count() -> None:
        done[0] += 1

    injector = Injector(at, kind)
    with commits(count):
        error = injector.run(lambda: task.fit(False))
    where = f"{name}, point {at}, {injector.where}"
    if error is None:  # it was raised where Python ignores errors, or something handled it
        return [f"{where}: ended with other {one}" for one in differing(_state(task), expected.end)]
    held = [signal.getsignal(signal.SIGINT) is not handler, task.trainer._alone.is_busy]
    if any(held):
        return [f"{where}: the handler of Ctrl-C, or the lock, is not as before"]
    found = _state(task)
    # The last moment that was whole: the error may come after a commit, before it is counted, or after the
    # last one, when the end of the run gave the network its best parameters.
    moments = expected.states[done[0] : done[0] + 2]
    if done[0] == len(expected.states) - 1:
        moments.append(expected.end)
    near = [state for state in moments if not differing(_data(state), _data(found))]
    wrong = (
        []
        if near
        else [f"{where}: other {one}" for one in differing(_data(expected.states[done[0]]), _data(found))]
    )
    task.fit(task.trainer._cut.start or bool(differing(_data(found), _data(expected.states[0]))))
    return wrong + [f"{where}: resumed to other {one}" for one in differing(_state(task), expected.end)]


def _data(state: dict[str, Any]) -> dict[str, Any]:
    """A state without the position of data within a pass, which a resumed run goes through again."""
    return {name: one for name, one in state.items() if name != "data"}
