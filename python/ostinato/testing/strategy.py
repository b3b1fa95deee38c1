"""Checks of strategies: each role's part with a small network; resumed strategies continue as before."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from ostinato.decoding import Sample
from ostinato.errors import ConfigError
from ostinato.layers.dense import Dense
from ostinato.layers.embedding import Embedding
from ostinato.layers.functional import Graph
from ostinato.layers.functions import Input, concat, final_states
from ostinato.layers.recurrent import Recurrent
from ostinato.network.graph import Node
from ostinato.network.objective import Objective
from ostinato.specs import Spec, StrategySpec
from ostinato.strategy import Axes, Batch, Curriculum, Estimator, Execution, Feeding, Moment, Strategy
from ostinato.strategy.axes import by_name as by_names
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

IDS = 5
"""The ids of the kit's network that is fed its own predictions."""

MOMENTS = tuple(Moment(epoch, 7 * epoch + step, epoch / 4, seed=3) for epoch in range(4) for step in (0, 3))


class StrategySubject(subject.Made):
    """A strategy of one of the four roles; every check makes a new one."""

    base = Strategy

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        made = self.make()
        self.role = made.role
        if isinstance(made, Estimator) and made.target not in ("output", "index"):
            raise Failed(f"target is {made.target!r}; expected 'output' or 'index'")
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
    x, targets = rng.standard_normal((4, steps, 3)), rng.standard_normal((4, steps, 5))
    return Batch(x, targets, lengths, seed=1, places=np.array([11, 3, 7, 0]))


def classes(steps: int = 9) -> Batch:
    """The batch with the id of a class for each step."""
    return batch(steps).replace(targets=np.random.default_rng(12).integers(0, 5, (4, steps)))


def core(loss: str = "mse") -> NetworkCore:
    """A small network with a loss."""
    return NetworkCore(copy.copy(_network()), Objective.of(loss, "mean", Node(0, 5), "float64"))


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


def written(steps: int = 9) -> Batch:
    """Four rows of ids, and a source of features for each, for a network that is fed the ids it predicts."""
    rng = np.random.default_rng(10)
    x = {"source": rng.standard_normal((4, 6, 3)), "words": rng.integers(0, IDS, (4, steps))}
    lengths = {"source": np.array([6, 0, 3, 6]), "target": np.array([steps, steps, 1, max(steps - 4, 1)])}
    axes = Axes({"source": "source", "words": "target"}, {"output": "target"})
    places = np.array([11, 3, 7, 0])
    return Batch(x, rng.integers(0, IDS, (4, steps)), lengths, seed=1, axes=axes, places=places)


def core_of_ids() -> NetworkCore:
    """A small encoder and decoder of ids, with their cross-entropy."""
    net = copy.copy(_writer())
    return NetworkCore(net, Objective.of("cross_entropy", "mean", net._ports.output, "float64"))


@cache
def _writer() -> Graph:
    source, words = Input("source", size=3, axis="source"), Input("words", ids=IDS, axis="target")
    start = final_states(Recurrent("gru", 3, 5, dtype="float64")(source))
    read = Embedding(IDS, 3, dtype="float64")(words)
    decoded = Recurrent("gru", 3, 5, dtype="float64")(read, initial_state=start)
    net = Graph(Dense(5, IDS, dtype="float64")(decoded))
    net.arena[...] = np.random.default_rng(11).standard_normal(net.arena.shape)
    return net


def _lesson(made: Curriculum, when: Moment) -> Any:
    losses = np.random.default_rng(when.epoch).exponential(size=11)
    lesson = made.next_lesson(when, np.arange(1, 12), losses)
    return None if lesson.rows is None else np.asarray(lesson.rows).tolist(), lesson.steps


def _fed(made: Feeding, when: Moment) -> Any:
    fed = made.feed(batch(), when)
    truth = None if fed.truth is None else np.asarray(fed.truth).tolist()
    return truth, fed.sample, core_of_ids().fed(made.feed(written(), when)).x["words"].tolist()


def _estimated(made: Estimator, when: Moment) -> Any:
    here, given = _problem(made)
    found = [made.estimate(here, piece) for piece in made.pieces(given)]
    return [None if one is None and made.waits else _answer(one) for one in found]


def _estimate(made: Estimator, here: NetworkCore, piece: Batch) -> Any:
    """The loss and the gradient of a piece; of an estimator that waits, at the end of an epoch."""
    found = made.estimate(here, piece.replace(is_last=True) if made.waits else piece)
    if found is None:
        raise Failed(
            "estimate returns None for the last batch of an epoch, which would be lost"
            if made.waits
            else "estimate returns None; an estimator without an update for each batch has waits = True"
        )
    return found


def _problem(made: Estimator, steps: int = 9) -> tuple[NetworkCore, Batch]:
    """A core and a batch: of ids for an estimator that samples, or one whose targets are classes."""
    if made.samples:
        return core_of_ids(), written(steps)
    return (core("cross_entropy"), classes(steps)) if made.target == "index" else (core(), batch(steps))


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
            losses = np.full(rows, np.nan) if rows == 1 else lengths / 2.0
            made = one.make().next_lesson(when, lengths, losses)
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
    if one.make().next_lesson(MOMENTS[0], None).rows is not None:
        raise Failed("it names rows of an iterable of batches, whose rows are unknown")


@check("feed", _only("feeding"))
def feed(one: StrategySubject) -> None:
    """A feeding sets only `truth`, to None or booleans (N, T), and `sample`, and writes to no array."""
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
            message = f"{when}: {{}} of the batch is changed"
            same({name: getattr(before, name)}, {name: getattr(fed, name)}, message)
            same({name: getattr(before, name)}, {name: getattr(given, name)}, message)


@check("fed", _only("feeding"))
def fed(one: StrategySubject) -> None:
    """A network of ids, whose sequences lie on two axes, is fed the truth where `truth` says so."""
    here, whole = core_of_ids(), written()
    for when in MOMENTS:
        chosen = one.make().feed(whole, when)
        words = here.fed(chosen).x["words"]
        if chosen.truth is not None:
            steps = np.arange(9) < whole.lengths["target"][:, None]
            kept = (np.asarray(chosen.truth) | ~steps)[:, 1:]
            if (words != whole.x["words"])[:, 1:][kept].any():
                raise Failed(f"{when}: the ids that are fed are not those of x where truth is True")


@check("pieces", _only("estimator"))
def pieces(one: StrategySubject) -> None:
    """Pieces divide the batch along time, always in the same way, and contain all its valid steps."""
    for steps in (1, 9):
        made = one.make()
        _, whole = _problem(made, steps)
        first, again = (list(made.pieces(whole)) for _ in range(2))
        if [piece.steps for piece in first] != [piece.steps for piece in again]:
            raise Failed(f"a batch of {steps} steps is cut in two ways by two calls")
        if sum(piece.count for piece in first) != whole.count:
            raise Failed(f"pieces of a batch of {whole.count:g} steps have {sum(p.count for p in first):g}")
        for name, whole_x in by_names(whole.x, whole.axes.inputs).items():
            parts = [by_names(piece.x, whole.axes.inputs)[name] for piece in first]
            message = "pieces end to end do not have the {} of the batch"
            same({name: whole_x}, {name: np.concatenate(parts, axis=1)}, message)


@check("estimate", _only("estimator"))
def estimate(one: StrategySubject) -> None:
    """An estimate is a finite loss with gradients; batch and parameters do not change."""
    made = one.make()
    here, given = _problem(made)
    before = here.net.arena.copy()
    for piece in made.pieces(given):
        loss, slopes = _estimate(made, here, piece)
        arena = np.asarray(slopes.arena)
        if not isinstance(loss, float) or not np.isfinite(loss):
            raise Failed(f"the loss is {loss!r}; expected a finite float")
        if arena.shape != before.shape or not np.isfinite(arena).all() or not arena.any():
            raise Failed(f"the gradient is {arena.shape}, or not finite, or 0; expected {before.shape}")
    same({"parameters": before}, {"parameters": here.net.arena}, "{} are written to: an optimizer does that")
    again = _problem(made)[1]
    for name in ("x", "targets"):
        axes = given.axes.inputs if name == "x" else given.axes.outputs
        was, now = (by_names(getattr(one_of, name), axes) for one_of in (again, given))
        same(was, now, f"{name}: {{}} of the batch is written to")


@check("core", _only("execution"))
def executed(one: StrategySubject) -> None:
    """A core of one process gives the loss, the gradient and the ids that the network of all rows does."""
    given = written().replace(weights=np.linspace(-1.0, 1.0, 36).reshape(4, 9))
    made = one.make()
    for call, make, rows in (("value_and_grad", core, batch()), ("sum_and_grad", core_of_ids, given)):
        loss, slopes = getattr(make(), call)(rows)
        found, others = getattr(made.core(make()), call)(rows)
        if abs(found - loss) > 1e-9 or np.abs(others.arena - slopes.arena).max() > 1e-9:
            raise Failed(
                f"{call}: the loss is {found:.9g}, or the gradient another, than {loss:.9g} of the batch in "
                "one go"
            )
    chosen = written().replace(truth=np.arange(36).reshape(4, 9) % 3 > 0)
    words = [here.fed(chosen).x["words"] for here in (core_of_ids(), made.core(core_of_ids()))]
    drawn = [
        [
            np.concatenate([one.tokens for one in row]).tolist()
            for row in here.decode(written(), end=0, max_length=5, sample=Sample(3, seed=2))
        ]
        for here in (core_of_ids(), made.core(core_of_ids()))
    ]
    if not np.array_equal(*words) or drawn[0] != drawn[1]:
        raise Failed("fed or decode differ from those of the core of this process")


def _without_dicts(one: StrategySubject) -> str | None:
    if one.role == "curriculum":
        return "it sees no batch"
    made: Any = one.make()
    if one.role == "estimator" and made.target == "index":
        return "its targets are classes, and one output of the network has numbers"
    samples = one.role == "estimator" and made.samples
    return "it samples from the only output of a network" if samples else None


@check("dicts", _without_dicts)
def by_name(one: StrategySubject) -> None:
    """A batch of dicts, for several inputs and outputs, is treated like one of arrays.

    A feeding may refuse it with a ConfigError: such a network is not fed what it predicts.
    """
    given, here = dicts(), core_of_dicts()
    made: Any = one.make()
    if one.role == "feeding":
        try:
            fed = made.feed(given, MOMENTS[0])
        except ConfigError:  # such as that of `Batch.fed_shape`
            return
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
        loss, slopes = _estimate(made, here, piece)
        _check_losses(slopes.losses, loss)


def _check_losses(losses: Any, loss: float) -> None:
    if set(losses) != {"y", "class"} or abs(sum(losses.values()) - loss) > 1e-9:
        raise Failed(
            f"dicts: the losses of the outputs are {dict(losses)}; expected two, {loss:.9g} together"
        )


STRATEGY: Kind[StrategySubject] = Kind(
    "strategy",
    (*subject.CHECKS, repeatable, resume, state, lesson, feed, fed, pieces, estimate, executed, by_name),
    StrategySubject,
)
