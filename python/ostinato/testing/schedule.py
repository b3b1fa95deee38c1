"""Checks of schedules: the value at a moment of training, from its initial value and the moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ostinato.errors import ConfigError
from ostinato.schedules import Schedule
from ostinato.specs import Spec
from ostinato.strategy import Moment
from ostinato.testing import subject
from ostinato.testing.runner import Failed, Kind, Level, check

EPOCHS, STEPS = 12, 10


class ScheduleSubject(subject.Made):
    """A schedule: an object of a class derived from Schedule, or any function (start, when) -> value."""

    base = Schedule

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        self.course(self.make())

    def make(self) -> Any:
        """Make one with the options. Raises Failed if it cannot be called."""
        made = self.spec.factory(**self.options)
        if not callable(made):
            raise Failed(f"the factory makes a {type(made).__name__}; expected a callable (start, when)")
        return made

    def meaning(self, made: Any) -> str:
        """Its values over a run."""
        return repr(self.course(made))

    def course(self, made: Callable[[float, Moment], float], start: float = 0.5) -> list[float]:
        """The values over a run without measurements."""
        return [made(start, when) for when in moments()]


def moments() -> list[Moment]:
    """The updates of a run, in order."""
    whole = EPOCHS * STEPS
    return [Moment(step // STEPS, step, step / whole) for step in range(whole)]


def watched(made: Any, first: int = 0, last: int = EPOCHS) -> list[float]:
    """The values over some epochs in which the loss falls, is constant and rises."""
    found = []
    for epoch in range(first, last):
        found += [made(0.5, when) for when in moments()[epoch * STEPS : (epoch + 1) * STEPS]]
        loss = 1.0 / (1 + min(epoch, 3)) + (0.1 if epoch > 8 else 0.0)
        if isinstance(made, Schedule):
            made.observe({"loss": loss, "val_loss": loss})
    return found


@check("values")
def values(one: ScheduleSubject) -> None:
    """Values are finite floats of at least 0 for every start, epoch, step and share, also beyond the end."""
    made = one.make()
    late = [Moment(10_000, 10_000_000, 1.0), Moment(10_000, 10_000_000, 1.5)]
    for start in (0.0, 1e-3, 0.5, 10.0):
        for when in [*moments(), *late]:
            value = made(start, when)
            if not isinstance(value, float) or not math.isfinite(value) or value < 0.0:
                raise Failed(f"start {start:g}, {when}: it gives {value!r}; expected a finite float from 0")


@check("pure")
def pure(one: ScheduleSubject) -> None:
    """A value depends on start and moment, not on earlier calls."""
    made = one.make()
    first = one.course(made)
    if first != one.course(made):
        raise Failed("a second call for the same moments gives other values")
    backwards = [made(0.5, when) for when in reversed(moments())]
    if backwards[::-1] != first:
        raise Failed("calls for the moments in reverse order give other values")
    if one.make()(0.5, moments()[70]) != first[70]:
        raise Failed("a call for one moment alone gives another value than within a run")


@check("start")
def start(one: ScheduleSubject) -> None:
    """The values depend on the start value."""
    made = one.make()
    if one.course(made, 0.5) == one.course(made, 0.25):
        raise Failed("another start gives the same values")


def _function(one: ScheduleSubject) -> str | None:
    return None if isinstance(one.make(), Schedule) else "a plain function keeps no state"


@check("resume", _function)
def resume(one: ScheduleSubject) -> None:
    """After loading its state in mid-run, it continues as before; other states raise typed errors."""
    whole = watched(one.make())
    for stop in (0, 5, 8):
        first, second = one.make(), one.make()
        watched(first, 0, stop)
        second.load_state_dict(first.state_dict())
        if watched(second, stop) != whole[stop * STEPS :]:
            raise Failed(f"stopped after epoch {stop} and loaded, it gives other values")
    try:
        one.make().load_state_dict({"no_such_name": 1})
    except ConfigError:
        return
    raise Failed("a state of something else is accepted; expected a ConfigError")


@check("independent")
def independent(one: ScheduleSubject) -> None:
    """Two schedules used alternately give the same values as each alone."""
    alone = watched(one.make())
    first, second = one.make(), one.make()
    found: tuple[list[float], list[float]] = ([], [])
    for epoch in range(EPOCHS):
        for made, values in zip((first, second), found, strict=True):
            values += watched(made, epoch, epoch + 1)
    if found != (alone, alone):
        raise Failed("of two schedules used alternately, one gives other values than alone")


SCHEDULE: Kind[ScheduleSubject] = Kind(
    "schedule", (*subject.CHECKS, values, pure, start, resume, independent), ScheduleSubject
)
