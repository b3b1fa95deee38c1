"""Checks of strategies: each role's part with a small network; resumed strategies continue as before."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from ostinato.errors import ConfigError
from ostinato.layers.dense import Dense
from ostinato.layers.functional import Graph
from ostinato.layers.functions import Input, concat
from ostinato.layers.recurrent import Recurrent
from ostinato.network.graph import Node
from ostinato.network.objective import Objective
from ostinato.specs import Spec, StrategySpec
from ostinato.strategy import Axes, Batch, Curriculum, Estimator, Execution, Feeding, Moment, Strategy
from ostinato.testing import subject
from ostinato.testing.arrays import same
from ostinato.testing.runner import Failed, Kind, Level, check
from ostinato.training.core import NetworkCore

ROLES: Mapping[str, type[Strategy]] = {
    "curriculum": Curriculum,
    "feeding": Feeding,
    "estimator": Estimator,
    "execution": Execution,
}

MOMENTS = tuple(Moment(epoch, 7 * epoch + step, epoch / 4, seed=3) for epoch in range(4) for step in (0, 3))


class StrategySubject(subject.Made):
    """A strategy of one of the four roles; every check makes a new one."""

    base = Strategy

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        made = self.make()
        self.role = made.role
        declared = spec.role if isinstance(spec, StrategySpec) else made.role
        if declared != made.role or not isinstance(made, ROLES.get(made.role, Strategy)):
            raise Failed(f"the descriptor declares {declared!r}, but makes a {type(made).__name__}")

    def meaning(self, made: Strategy) -> str:
        """Its results at some moments."""
        return repr(self.deeds(made))

    def deeds(self, made: Any, first: int = 0) -> list[Any]:
        """Its results at the moments starting at `first`, as plain values."""
        return [_DEEDS[made.role](made, when) for when in MOMENTS[first:]]


def batch(steps: int = 9) -> Batch:
    """Four ragged rows of 3 features, with targets of 5."""
    rng = np.random.default_rng(8)
    lengths = np.array([steps, 0, max(steps - 4, 0), steps])
    return Batch(rng.standard_normal((4, steps, 3)), rng.standard_normal((4, steps, 5)), lengths, seed=1)


def core() -> NetworkCore:
    """A small network with a loss."""
    return NetworkCore(copy.copy(_network()), Objective.of("mse", "mean", Node(0, 5), "float64"))


@cache
def _network() -> Recurrent:
    return Recurrent("lstm", 3, 5, dtype="float64")


def dicts(steps: int = 9) -> Batch:
    """The batch with a second sequence, and a class for each step.

    Without values of rows, which estimators that cut time refuse.
    """
    one = batch(steps)
    rng = np.random.default_rng(9)
    x = {"a": one.x, "b": rng.standard_normal((4, steps, 2))}
    targets = {"y": one.targets, "class": rng.integers(0, 3, (4, steps))}
    axes = Axes({"a": "time", "b": "time"}, {"y": "time", "class": "time"})
    return one.replace(x=x, targets=targets, weights={"class": np.ones((4, steps))}, axes=axes)


def core_of_dicts() -> NetworkCore:
    """A small network of two inputs and two outputs, with a loss for each output."""
    net = copy.copy(_graph())
    losses = {"y": "mse", "class": "cross_entropy"}
    return NetworkCore(
        net,
        {
            name: Objective.of(loss, "sum", net._ports.outputs[name], "float64")
            for name, loss in losses.items()
        },
    )


@cache
def _graph() -> Graph:
    a, b = Input("a", size=3), Input("b", size=2)
    h = Recurrent("lstm", 5, 5, dtype="float64")(concat(a, b))
    return Graph({"y": h, "class": Dense(5, 3, dtype="float64")(h)})


def _lesson(made: Curriculum, when: Moment) -> Any:
    lesson = made.lesson(when, np.arange(1, 12))
    return None if lesson.rows is None else np.asarray(lesson.rows).tolist(), lesson.steps


def _fed(made: Feeding, when: Moment) -> Any:
    fed = made.feed(batch(), when)
    return None if fed.truth is None else np.asarray(fed.truth).tolist()


def _estimated(made: Estimator, when: Moment) -> Any:
    here = core()
    return [_answer(made.estimate(here, piece)) for piece in made.pieces(batch())]


def _executed(made: Execution, when: Moment) -> Any:
    return _answer(made.core(core()).value_and_grad(batch()))


def _answer(found: Any) -> Any:
    loss, slopes = found
    return float(loss), np.asarray(slopes.arena).tolist()


_DEEDS: Mapping[str, Callable[[Any, Moment], Any]] = {
    "curriculum": _lesson,
    "feeding": _fed,
    "estimator": _estimated,
    "execution": _executed,
}


def _only(role: str) -> Callable[[StrategySubject], str | None]:
    return lambda one: None if one.role == role else f"its role is {one.role}"


@check("repeatable")
def repeatable(one: StrategySubject) -> None:
    """Two instances with equal options act alike: randomness depends on the moment only."""
    if one.deeds(one.make()) != one.deeds(one.make()):
        raise Failed("made again it does something else at the same moments; draw from when.rng(name)")


@check("resume")
def resume(one: StrategySubject) -> None:
    """After loading its state in mid-run, it continues as before; other states raise typed errors."""
    whole = one.deeds(one.make())
    for stop in (1, 4):
        first, second = one.make(), one.make()
        for when in MOMENTS[:stop]:
            _DEEDS[one.role](first, when)
        second.load_state_dict(first.state_dict())
        if one.deeds(second, stop) != whole[stop:]:
            raise Failed(
                f"stopped at {MOMENTS[stop]} and loaded, it does something else: is its state saved?"
            )
    try:
        one.make().load_state_dict({"no_such_name": 1})
    except ConfigError:
        return
    raise Failed("a state of something else is accepted; expected a ConfigError")


@check("state")
def state(one: StrategySubject) -> None:
    """Its state consists of numbers, texts, arrays, and lists and dicts of them."""
    made = one.make()
    one.deeds(made)
    try:
        json.dumps(made.state_dict(), default=_array)
    except (TypeError, ValueError) as error:
        raise Failed(f"state_dict() holds values that a checkpoint cannot store: {error}") from error


def _array(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} {value!r}")


@check("lesson", _only("curriculum"))
def lesson(one: StrategySubject) -> None:
    """A lesson has valid rows and at least one step; for an iterable of batches, it has no rows."""
    for rows in (1, 11):
        lengths = np.arange(1, rows + 1)
        before = lengths.copy()
        for when in MOMENTS:
            made = one.make().lesson(when, lengths)
            if made.rows is not None:
                chosen = np.asarray(made.rows)
                if (
                    chosen.ndim != 1
                    or chosen.dtype.kind not in "iu"
                    or ((chosen < 0) | (chosen >= rows)).any()
                ):
                    raise Failed(f"{when}: rows is {made.rows!r}; expected integers from 0 to {rows - 1}")
            if made.steps is not None and (not isinstance(made.steps, int | np.integer) or made.steps < 1):
                raise Failed(f"{when}: steps is {made.steps!r}; expected an integer from 1, or None")
        if not np.array_equal(lengths, before):
            raise Failed("its argument lengths is written to")
    if one.make().lesson(MOMENTS[0], None).rows is not None:
        raise Failed("it names rows of an iterable of batches, whose rows are unknown")


@check("feed", _only("feeding"))
def feed(one: StrategySubject) -> None:
    """A feeding sets only `truth`, to None or booleans (N, T), and writes to no array."""
    for when in MOMENTS:
        given = batch()
        before = batch()
        fed = one.make().feed(given, when)
        truth = fed.truth
        if truth is not None and (np.shape(truth) != (4, 9) or np.asarray(truth).dtype != bool):
            raise Failed(
                f"truth is {np.asarray(truth).dtype} {np.shape(truth)}; expected bool (4, 9) or None"
            )
        for name in ("x", "targets", "lengths"):
            told = f"{when}: {{}} of the batch is changed"
            same({name: getattr(before, name)}, {name: getattr(fed, name)}, told)
            same({name: getattr(before, name)}, {name: getattr(given, name)}, told)


@check("pieces", _only("estimator"))
def pieces(one: StrategySubject) -> None:
    """Pieces divide the batch along time, always in the same way, and contain all its valid steps."""
    for steps in (1, 9):
        whole = batch(steps)
        made = one.make()
        first, again = (list(made.pieces(whole)) for _ in range(2))
        if [piece.steps for piece in first] != [piece.steps for piece in again]:
            raise Failed(f"a batch of {steps} steps is cut in two ways by two calls")
        if sum(piece.count for piece in first) != whole.count:
            raise Failed(f"pieces of a batch of {whole.count:g} steps have {sum(p.count for p in first):g}")
        joined = np.concatenate([piece.x for piece in first], axis=1)
        same({"x": whole.x}, {"x": joined}, "pieces end to end do not have the {} of the batch")


@check("estimate", _only("estimator"))
def estimate(one: StrategySubject) -> None:
    """An estimate is a finite loss with gradients; batch and parameters do not change."""
    here, given = core(), batch()
    before = here.net.arena.copy()
    made = one.make()
    for piece in made.pieces(given):
        loss, slopes = made.estimate(here, piece)
        arena = np.asarray(slopes.arena)
        if not isinstance(loss, float) or not np.isfinite(loss):
            raise Failed(f"the loss is {loss!r}; expected a finite float")
        if arena.shape != before.shape or not np.isfinite(arena).all() or not arena.any():
            raise Failed(f"the gradient is {arena.shape}, or not finite, or 0; expected {before.shape}")
    same({"parameters": before}, {"parameters": here.net.arena}, "{} are written to: an optimizer does that")
    same({"x": batch().x}, {"x": given.x}, "{} of the batch is written to")


@check("core", _only("execution"))
def executed(one: StrategySubject) -> None:
    """A core of one process gives the loss and the gradient of the whole batch."""
    loss, slopes = core().value_and_grad(batch())
    found, others = one.make().core(core()).value_and_grad(batch())
    if abs(found - loss) > 1e-9 or np.abs(others.arena - slopes.arena).max() > 1e-9:
        raise Failed(
            f"the loss is {found:.9g}, or the gradient another, than {loss:.9g} of the batch in one go"
        )


@check("dicts", lambda one: "it sees no batch" if one.role == "curriculum" else None)
def by_name(one: StrategySubject) -> None:
    """A batch of dicts, for several inputs and outputs, is treated like one of arrays."""
    given, here = dicts(), core_of_dicts()
    made: Any = one.make()
    if one.role == "feeding":
        fed = made.feed(given, MOMENTS[0])
        if fed.truth is not None and np.shape(fed.truth) != (4, 9):
            raise Failed(f"truth of a batch of dicts is {np.shape(fed.truth)}; expected (4, 9) or None")
        same({**dicts().x}, {**fed.x}, "{} of a batch of dicts is changed")
        return
    if one.role == "execution":
        loss, slopes = here.value_and_grad(given)
        found, others = made.core(core_of_dicts()).value_and_grad(given)
        if abs(found - loss) > 1e-9 or np.abs(others.arena - slopes.arena).max() > 1e-9:
            raise Failed(
                f"dicts: the loss is {found:.9g}, or the gradient another, than {loss:.9g} in one go"
            )
        _check_losses(others.losses, found)
        return
    pieces = list(made.pieces(given))
    if sum(piece.count for piece in pieces) != given.count:
        raise Failed(f"dicts: pieces of {given.count:g} steps have {sum(p.count for p in pieces):g}")
    for name in ("a", "b"):
        joined = np.concatenate([piece.x[name] for piece in pieces], axis=1)
        same(
            {name: given.x[name]}, {name: joined}, "dicts: pieces end to end do not have the {} of the batch"
        )
    for piece in pieces:
        loss, slopes = made.estimate(here, piece)
        _check_losses(slopes.losses, loss)


def _check_losses(losses: Any, loss: float) -> None:
    if set(losses) != {"y", "class"} or abs(sum(losses.values()) - loss) > 1e-9:
        raise Failed(
            f"dicts: the losses of the outputs are {dict(losses)}; expected two, {loss:.9g} together"
        )


STRATEGY: Kind[StrategySubject] = Kind(
    "strategy",
    (*subject.CHECKS, repeatable, resume, state, lesson, feed, pieces, estimate, executed, by_name),
    StrategySubject,
)
