"""Checks of losses: one number from an output and a target, and its gradient in the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ostinato.cell import takes_noise
from ostinato.dims import named
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.reductions import Last
from ostinato.losses import Loss
from ostinato.namespace import Names
from ostinato.network.through_time import CheckpointedBPTT, TruncatedBPTT
from ostinato.settings import ignoring
from ostinato.testing import subject
from ostinato.testing.arrays import LAYOUTS, differing, near, refused, same
from ostinato.testing.loss_case import Case, LossSubject, Passage, gradient_of, with_parameters
from ostinato.testing.networks.backwards import DRAWS
from ostinato.testing.networks.model import with_threads
from ostinato.testing.runner import Failed, Kind, at, check
from ostinato.testing.slopes import Kink, compare, smooth_slopes
from ostinato.trace import Noise
from ostinato.trace.programs import loss_states

# For sums over some hundred steps in another order.
ROUNDING = 1e-10


@check("shapes")
def shapes(one: LossSubject) -> None:
    """The value is a number, the gradient has the outputs' shape: N 1, 2, 7; T 1, 2, 9; F 1 to 17."""
    for width in one.widths:
        for dtype in ("float32", "float64"):
            for rows, steps in ((1, 1), (1, 9), (2, 2), (7, 1), (7, 9)):
                case = one.case(rows, steps, width, dtype)
                value, gradient, *_ = case.results().values()
                if not np.isfinite(value) or gradient.shape != case.y.shape or gradient.dtype != dtype:
                    got = f"{value}, gradient {gradient.dtype} {gradient.shape}"
                    raise Failed(f"F={width}, N={rows}, T={steps}, {dtype}: the {one.noun} is {got}")


@check("gradients")
def gradients(one: LossSubject) -> None:
    """In float64 the gradient of the outputs, and of parameters, equals the numeric derivative."""
    found = ""
    for draw in range(DRAWS):
        case = one.case(3, 4, ragged=True, draw=draw)
        try:
            numeric = smooth_slopes(case.value, {"y": case.y, **case.parameters})
        except Kink as kink:
            found = str(kink)
            continue
        results = case.results()
        pairs = [(name, results[gradient_of(name)], numeric[name]) for name in case.parameters]
        compare([("y", results["gradient"], numeric["y"]), *pairs], f"loss of {case.y.shape[-1]} features")
        return
    raise Failed(f"each of {DRAWS} draws lies on a corner or a jump, where no slope is defined: {found}")


@check("eager")
def eager(one: LossSubject) -> None:
    """`step` on NumPy values gives the same value as the engine."""
    for dtype, allowed in (("float64", 1e-12), ("float32", 1e-5)):
        case = one.case(3, 4, dtype=dtype)
        for n in range(3):
            for t in range(4):
                mine: Any = ignoring(_stepped, case, n, t)
                if np.shape(mine) != ():
                    raise Failed(f"step gives shape {np.shape(mine)} on NumPy arrays; expected one number")
                first = 0 if case.has_states else t
                targets = case.targets[n : n + 1]
                engine = replace(
                    case,
                    y=case.y[n : n + 1, first : t + 1],
                    targets=targets if case.of_rows else targets[:, first : t + 1],
                )
                if not abs(float(mine) - engine.value()) <= allowed * max(1.0, abs(float(mine))):
                    raise Failed(
                        f"{dtype}: {float(mine):.9g} in NumPy, {engine.value():.9g} in the engine; "
                        "does step do something else while it is traced?"
                    )


def _stepped(case: Case, row: int, last: int) -> Any:
    """The loss by `step` on NumPy values: of one step; with states of all steps so far, or of the last."""
    held = {name.partition(".")[2]: one for name, one in case.parameters.items()}
    more = (Names("loss", "parameter", held),) if held else ()
    drawn = {"noise": Noise(None, False, (), (), {})} if takes_noise(case.loss) else {}
    if not case.has_states:
        return case.loss.step(
            case.y[row, last], case.targets[row] if case.of_rows else case.targets[row, last], *more, **drawn
        )
    labels = max(1, getattr(case.loss, "labels", 0))
    sizes = named({"output": case.y.shape[-1], "labels": labels})
    declared = loss_states(case.loss, case.noun, sizes)
    state = {name: np.zeros(one.shape, case.y.dtype) for name, one in declared.items()}
    total: Any = 0.0
    for t in range(last + 1):
        given = case.targets[row] if case.of_rows else case.targets[row, t]
        value, state = case.loss.step(case.y[row, t], given, Names("loss", "state", state), *more, **drawn)
        total = value if case.of_rows else total + value
    return total


@check("target")
def target(one: LossSubject) -> None:
    """The value depends on the target and on the outputs."""
    case = one.case(3, 4)
    others = [one.case(3, 4, draw=draw) for draw in range(1, DRAWS)]
    bases = [case]
    is_near = case.targets.shape[-1] == case.y.shape[-1] and case.loss.target_range() is None
    if case.loss.target == "output" and is_near:
        # With targets that are all far from the outputs, a loss that counts near ones would always be 0.
        bases.append(replace(case, targets=case.y + 0.01 * case.targets))
    retargeted = [replace(case, targets=other.targets) for other in others]
    if len({each.value() for each in [*bases, *retargeted]}) == 1:
        raise Failed(f"other targets give the same {one.noun}")
    if all(base.value() == replace(base, y=other.y).value() for base in bases for other in others):
        raise Failed(f"other outputs give the same {one.noun}")


@check("inputs_unchanged")
def inputs_unchanged(one: LossSubject) -> None:
    """Outputs, targets and weights are not written to."""
    case = one.case(3, 4, ragged=True)
    weights = case.weights(np.ones((3, 4)))
    given = {"y": case.y, "targets": case.targets, "weights": weights}
    before = {name: value.copy() for name, value in given.items()}
    case.results(weights=weights)
    same(before, given, "{} is written to")


@check("layouts")
def layouts(one: LossSubject) -> None:
    """Arrays of any memory layout give bit-identical results."""
    case = one.case(3, 4)
    clean = case.results()
    for name, layout in LAYOUTS.items():
        other = replace(case, y=layout(case.y), targets=layout(case.targets))
        same(clean, other.results(), f"{name} arrays: the {{}} differs")


@check("repeatable")
def repeatable(one: LossSubject) -> None:
    """Repeating a call gives bit-identical results, also with a new loss."""
    first = one.case(5, 6, ragged=True)
    same(first.results(), first.results(), "the same call again: the {} differs")
    same(first.results(), one.case(5, 6, ragged=True).results(), f"a {one.noun} made again: the {{}} differs")


@check("threads")
def engine_threads(one: LossSubject) -> None:
    """Any number of threads gives bit-identical results."""
    case = one.case(61, at(one.level, 12, 24, 48), 9, "float32", ragged=True)
    alone = with_threads(1, case.results)
    for count in (2, 3, 4):
        found = with_threads(count, case.results)
        same(alone, found, f"{count} threads: the {{}} differs from that of one")


@check("batch_company")
def batch_company(one: LossSubject) -> None:
    """Rows are independent: gradients are bit-identical to each row alone, the loss is their sum."""
    case = one.case(7, 5, ragged=True)
    whole = case.results()
    total = 0.0
    for n in range(7):
        alone = case.rows([n]).results()
        same(
            {"gradient": whole["gradient"][n : n + 1]},
            {"gradient": alone["gradient"]},
            f"row {n}: the {{}} differs",
        )
        total += float(alone[one.noun])
    near({one.noun: np.asarray(total)}, whole, ROUNDING, "the {} of the rows one by one, and of the batch")
    order = np.random.default_rng(0).permutation(7).tolist()
    turned = {"gradient": np.ascontiguousarray(whole["gradient"][order])}
    same(
        turned,
        {"gradient": case.rows(order).results()["gradient"]},
        "in another order of rows the {} differs",
    )


@check("padding")
def padding(one: LossSubject) -> None:
    """Padding, even NaN, changes no bit; the gradient of padding is 0."""
    case = one.case(5, 6, ragged=True)
    assert case.lengths is not None
    clean = case.results()
    dirty = replace(case, y=case.y.copy(), targets=case.targets.copy())
    for n, length in enumerate(case.lengths):
        dirty.y[n, length:] = np.nan
        if not case.of_rows:
            dirty.targets[n, length:] = np.nan if dirty.targets.dtype.kind == "f" else -7
        if clean["gradient"][n, length:].any():
            raise Failed(f"the gradient of row {n} is not 0 from step {length} on, where it ends")
    same(clean, dirty.results(), "NaN in the padding reaches the {}")


def _remembers(one: LossSubject) -> str | None:
    case = one.case(2, 2)
    return "a step without weight is read by later steps" if case.has_states and not case.of_rows else None


def _is_of_rows(one: LossSubject) -> str | None:
    return "it is a loss of sequences" if one.case(2, 2).of_rows else None


@check("unread", _remembers)
def unread(one: LossSubject) -> None:
    """A target with the weight 0, even NaN or an unknown id, changes no bit; the gradient there is 0."""
    case = one.case(5, 6)
    weights = case.weights(np.random.default_rng(6).integers(0, 3, (5, 6)).astype("float64"))
    clean = case.results(weights=weights)
    dirty = replace(case, y=case.y.copy(), targets=case.targets.copy())
    hidden = weights == 0
    dirty.targets[hidden] = np.nan if dirty.targets.dtype.kind == "f" else -100
    dirty.y[hidden] = np.inf
    if clean["gradient"][hidden].any():
        raise Failed("the gradient of a step with the weight 0 is not 0")
    same(clean, dirty.results(weights=weights), "what has the weight 0 reaches the {}")


@check("reduction")
def reduction(one: LossSubject) -> None:
    """A mean is the sum divided by the valid steps, or by their weights; weights scale their steps."""
    case = one.case(5, 6, ragged=True)
    assert case.lengths is not None
    total = case.results()
    count = float((case.lengths > 0).sum() if case.of_rows else case.lengths.sum())
    divided = {name: value / count for name, value in total.items()}
    near(divided, case.results(reduction="mean"), ROUNDING, "{} of mean, and of sum divided by the steps")
    double = {name: 2 * value for name, value in total.items()}
    near(
        double,
        case.results(weights=case.weights(np.full((5, 6), 2.0))),
        ROUNDING,
        "{} with weights of 2, and twice that of 1",
    )
    mean = case.results(weights=case.weights(np.full((5, 6), 2.0)), reduction="mean")
    near(divided, mean, ROUNDING, "{} of mean with weights of 1 and of 2")
    near(
        {one.noun: total[one.noun]},
        {one.noun: np.asarray(case.value())},
        ROUNDING,
        "{} with and without gradients",
    )


@check("rows", _is_of_rows)
def rows(one: LossSubject) -> None:
    """For one output per row, the value and the gradient are those of a sequence of one step."""
    case = one.case(5, 6, ragged=True)
    assert case.lengths is not None
    filled = np.maximum(case.lengths, 1)
    width = case.y.shape[-1]
    reduced = with_parameters(case.loss, Recurrent(Passage(), width, 1, dtype="float64"), Last())
    row = replace(case, network=reduced, targets=case.targets[:, 0], lengths=filled)
    end = case.y[np.arange(5), filled - 1][:, None]
    step = replace(case, y=end, targets=case.targets[:, :1], lengths=None)
    weights = np.arange(5) + 0.5
    for how in ("sum", "mean"):
        found = row.results(reduction=how, weights=weights)
        wanted = step.results(reduction=how, weights=weights[:, None])
        spread = np.zeros_like(case.y)
        spread[np.arange(5), filled - 1] = wanted["gradient"][:, 0]
        near({**wanted, "gradient": spread}, found, ROUNDING, f"{{}} ({how}) of one step, and of one row")


@check("through_time")
def through_time(one: LossSubject) -> None:
    """Truncated with k2 >= T and checkpointed BPTT are bit-identical to full BPTT."""
    case = one.case(4, 40, ragged=True)
    width = case.y.shape[-1]
    recurrent = replace(
        case, network=with_parameters(case.loss, Recurrent("rnn", width, width, dtype="float64"))
    )
    full = recurrent.results()
    ways: list[Any] = [TruncatedBPTT(40, 40), TruncatedBPTT(7, 90), CheckpointedBPTT("sqrt")]
    if case.has_states:
        refused("CheckpointedBPTT", lambda: recurrent.results(through_time=ways.pop()))
        refused("TruncatedBPTT(7, 9)", lambda: recurrent.results(through_time=TruncatedBPTT(7, 9)))
    for way in ways:
        same(full, recurrent.results(through_time=way), f"{way}: the {{}} differs from FullBPTT()")


def _drawn_value(case: Case) -> float:
    return float(case.drawn()[case.noun])


def _draws_nothing(one: LossSubject) -> str | None:
    return None if takes_noise(one.loss()) else "it draws nothing"


@check("noise", _draws_nothing)
def noise(one: LossSubject) -> None:
    """The seed decides the noise, for any number of threads; the gradient is that of what was drawn."""
    case = one.case(20, 5, ragged=True)
    first = case.drawn()
    for count in (1, 2, 4):
        again = with_threads(count, case.drawn)
        same(first, again, f"the same seed with {count} threads: the {{}} differs")
    if not differing(first, case.drawn(4)):
        raise Failed("another seed changes nothing; is the noise drawn with the argument noise?")
    some = list(range(7))
    rows = {"gradient": np.ascontiguousarray(first["gradient"][some])}
    same(rows, {"gradient": case.rows(some).drawn()["gradient"]}, "the first rows alone: the {} differs")
    found = ""
    for draw in range(DRAWS):
        case = one.case(3, 4, draw=draw)
        try:
            numeric = smooth_slopes(partial(_drawn_value, case), {"y": case.y})
        except Kink as kink:
            found = str(kink)
            continue
        compare([("y", case.drawn()["gradient"], numeric["y"])], "loss with noise")
        return
    raise Failed(f"each of {DRAWS} draws lies on a corner or a jump, where no slope is defined: {found}")


@check("float32")
def float32(one: LossSubject) -> None:
    """float32 agrees with float64 up to rounding, also for outputs of up to 10."""
    for scale in (1.0, 4.0):
        single = one.case(4, 5, dtype="float32")
        single = replace(single, y=single.y * np.float32(scale))
        double = one.case(4, 5)
        wide = single.targets.astype(np.float64) if single.targets.dtype.kind == "f" else single.targets
        double = replace(double, y=single.y.astype(np.float64), targets=wide)
        # 20 steps of a few functions, each good to some units in the last place of float32.
        near(
            double.results(), single.results(), 1e-5, f"{{}} in float64 and in float32, outputs of {scale:g}"
        )


@check("extremes")
def extremes(one: LossSubject) -> None:
    """Outputs of +-1e4 and of 1e-40 give no NaN, neither in the loss nor in its gradient."""
    for dtype in ("float32", "float64"):
        for size in (1e4, 1e2, 1e-40):
            case = one.case(5, 4, dtype=dtype)
            results = replace(case, y=(np.sign(case.y) * size).astype(dtype)).results()
            bad = [name for name, value in results.items() if np.isnan(value).any()]
            if bad:
                raise Failed(f"{dtype}, outputs of +-{size:g}: the {' and the '.join(bad)} holds NaN")


@check("nan")
def nan(one: LossSubject) -> None:
    """NaN in an output makes the loss NaN, and does not change the gradient of another row."""
    case = one.case(4, 5)
    clean = case.results()
    dirty = replace(case, y=case.y.copy())
    dirty.y[1, 2] = np.nan
    results = dirty.results()
    if not np.isnan(results[one.noun]):
        raise Failed(f"NaN in an output does not reach the {one.noun}: it would go unseen")
    others = [0, 2, 3]
    same(
        {"gradient": clean["gradient"][others]},
        {"gradient": results["gradient"][others]},
        "NaN in row 1 changes the {} of other rows",
    )


@check("empty")
def empty(one: LossSubject) -> None:
    """Zero rows, steps and lengths give a loss of 0 and gradients of 0."""
    for rows, steps in ((0, 3), (3, 0), (0, 0), (3, 3)):
        case = one.case(rows, steps)
        for how in ("sum", "mean"):
            lengths = np.zeros(rows, int) if steps else None
            value, gradient, *_ = replace(case, lengths=lengths).results(reduction=how).values()
            if value != 0.0 or gradient.any() or gradient.shape != case.y.shape:
                raise Failed(
                    f"N={rows}, T={steps}, nothing valid, {how}: the {one.noun} is {value}; expected 0"
                )


@check("bad_input")
def bad_input(one: LossSubject) -> None:
    """Wrong targets and weights raise typed errors."""
    case = one.case(3, 4)
    width = case.y.shape[-1]
    numbers = np.zeros((3, 4, case.loss.target_size(width)))
    classes = case.loss.classes(width) if isinstance(case.loss, Loss) else width
    if case.of_rows:
        return _bad_rows(case)
    targets: dict[str, Any] = {
        "a step too many": np.zeros((3, 5, numbers.shape[2]))
        if case.targets.ndim == 3
        else np.zeros((3, 5), int),
        "a row too few": case.targets[:2],
        "texts": np.full((3, 4), "a"),
        "complex numbers": numbers.astype(complex),
    }
    if case.loss.target == "index":
        targets |= {"an id too large": np.full((3, 4), classes), "an id below 0": np.full((3, 4), -1)}
        targets["floats"] = np.zeros((3, 4))
    else:
        targets |= {
            "a feature too many": np.zeros((3, 4, numbers.shape[2] + 1)),
            "integers": numbers.astype(int),
        }
    wrong: dict[str, Callable[[], Any]] = {
        f"targets with {name}": replace(case, targets=value).results for name, value in targets.items()
    }
    wrong["a negative weight"] = lambda: case.results(weights=np.full((3, 4), -1.0), reduction="mean")
    wrong["weights of another shape"] = lambda: case.results(weights=np.ones(3))
    wrong["an unknown reduction"] = lambda: case.results(reduction="median")
    for name, call in wrong.items():
        refused(name, call)


def _bad_rows(case: Case) -> None:
    """Wrong targets and weights of rows raise typed errors."""
    targets = {
        "a row too few": case.targets[:2],
        "a feature too many": np.concatenate([case.targets, case.targets[..., -1:]], axis=-1),
        "texts": np.full((3, 4), "a"),
        "an id too large": np.full_like(case.targets, case.y.shape[-1]),
    }
    for name, value in targets.items():
        if name != "an id too large" or case.loss.target != "output":
            refused(f"targets with {name}", replace(case, targets=value).results)
    refused("a negative weight", lambda: case.results(weights=np.full(3, -1.0), reduction="mean"))
    refused("weights of another shape", lambda: case.results(weights=np.ones((3, 4))))


LOSS: Kind[LossSubject] = Kind(
    "loss",
    (
        *subject.CHECKS,
        shapes,
        gradients,
        eager,
        target,
        inputs_unchanged,
        layouts,
        repeatable,
        engine_threads,
        batch_company,
        padding,
        unread,
        reduction,
        rows,
        through_time,
        noise,
        float32,
        extremes,
        nan,
        empty,
        bad_input,
    ),
    LossSubject,
)
