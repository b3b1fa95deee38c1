"""Checks of optimizers: an equation for each number, applied in place, that resumes where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from ostinato.arena_view import arena_view
from ostinato.errors import NonFiniteError
from ostinato.optimizers import Optimizer
from ostinato.optimizers.slots import slot_dtype, slot_shape
from ostinato.settings import ignoring
from ostinato.specs import Spec
from ostinato.testing import subject
from ostinato.testing.arrays import LAYOUTS, Arrays, copies, near, refused, same
from ostinato.testing.networks.model import with_threads
from ostinato.testing.runner import Failed, Kind, Level, at, check

SHAPES: Final[Mapping[str, tuple[int, ...]]] = {"weight": (5, 3), "bias": (7,), "one": (1,)}

# A step has a dozen roundings; Adam's powers of the betas lose a few more digits.
ROUNDING = {"float64": 1e-12, "float32": 1e-5}


class OptimizerSubject(subject.Made):
    """An optimizer; every series of steps makes a new one."""

    base = Optimizer

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        self.course(self.make(), steps=1)  # An error in the construction itself is reported once, here.

    @property
    def is_of_names(self) -> bool:
        """Whether numbers of a parameter depend on others of it, so that it has no arenas."""
        made: Optimizer = self.make()
        return made._is_of_names

    def meaning(self, made: Optimizer) -> str:
        """The results of three steps."""
        return repr({name: value.tobytes() for name, value in self.course(made).items()})

    def course(
        self,
        optimizer: Optimizer,
        params: Arrays | None = None,
        *,
        steps: int = 3,
        first: int = 0,
        dtype: str = "float64",
        eager: bool = False,
    ) -> Arrays:
        """The parameters after some steps along random gradients, which are the same for each call."""
        params = start(dtype) if params is None else params
        take = optimizer.step_eagerly if eager else optimizer.step
        for n in range(first, first + steps):
            take(params, gradients(n, dtype))
        return params


def start(dtype: str = "float64") -> Arrays:
    """Initial parameters."""
    rng = np.random.default_rng(1)
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}


def gradients(n: int, dtype: str = "float64") -> Arrays:
    """The gradients of step n."""
    rng = np.random.default_rng([2, n])
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}


@check("in_place")
def in_place(one: OptimizerSubject) -> None:
    """Parameters change in place and keep their type; gradients are unchanged."""
    for dtype in ("float32", "float64"):
        params, grads = start(dtype), gradients(0, dtype)
        before, given = copies(params), copies(grads)
        optimizer = one.make()
        for _ in range(2):
            optimizer.step(params, grads)
        same(given, grads, f"{dtype}: the gradient of {{}} is written to")
        still = [name for name, value in params.items() if np.array_equal(value, before[name])]
        if still:
            raise Failed(f"{dtype}: {', '.join(still)} is not changed by two steps along random gradients")
        for name, slots in optimizer.state_dict()["slots"].items():
            forms = optimizer._forms(params[name].shape)
            for slot, value in slots.items():
                kind, shape = (
                    slot_dtype(forms[slot], np.dtype(dtype)),
                    slot_shape(forms[slot], params[name].shape),
                )
                if value.dtype != kind or value.shape != shape:
                    raise Failed(f"slot {slot!r} of a {dtype} parameter is {value.dtype} {value.shape}")


@check("repeatable")
def repeatable(one: OptimizerSubject) -> None:
    """Optimizers with the same options take the same steps, also if they step alternately."""
    first = one.course(one.make())
    same(first, one.course(one.make()), "a second optimizer with the same options: {} differs")
    pair = one.make(), one.make()
    params = start(), start()
    for n in range(3):
        for optimizer, own in zip(pair, params, strict=True):
            optimizer.step(own, gradients(n))
    for own in params:
        same(first, own, "two optimizers used alternately: {} differs from one alone")


@check("eager")
def eager(one: OptimizerSubject) -> None:
    """The engine takes the same steps as `update` on NumPy arrays."""
    for dtype, allowed in ROUNDING.items():
        numpy = ignoring(partial(one.course, one.make(), dtype=dtype, eager=True))
        near(one.course(one.make(), dtype=dtype), numpy, allowed, f"{dtype}: {{}} of engine and NumPy")


@check("threads")
def engine_threads(one: OptimizerSubject) -> None:
    """Any number of threads gives bit-identical results."""
    size = at(one.level, 50_000, 200_000, 1_000_000)
    rng = np.random.default_rng(3)
    before, grad = (rng.standard_normal((size // 50, 50)).astype(np.float32) for _ in range(2))
    grads = {"matrix": grad, "vector": grad.flatten()}
    found = []
    for count in (1, 2, 3, 4):
        params, optimizer = {"matrix": before.copy(), "vector": before.flatten()}, one.make()
        for _ in range(2):
            with_threads(count, partial(optimizer.step, params, grads))
        found.append(params)
        same(found[0], found[-1], f"{count} threads: the {{}} differs from that of one")


@check("company")
def company(one: OptimizerSubject) -> None:
    """Each number is independent: a whole arena, its parts, and single numbers take the same steps.

    Of an optimizer with slots or reductions of a whole parameter, each parameter is independent.
    """
    if one.is_of_names:
        together = one.course(one.make())
        for name in SHAPES:
            optimizer, alone = one.make(), {name: start()[name]}
            for n in range(3):
                optimizer.step(alone, {name: gradients(n)[name]})
            same({name: together[name]}, alone, "{} takes other steps without the other parameters")
        return
    rng = np.random.default_rng(4)
    arena, grads = rng.standard_normal(24), rng.standard_normal((3, 24))
    cuts: Sequence[Sequence[int]] = ([], [5, 8, 20], range(1, 24))
    found = []
    for cut in cuts:
        whole, optimizer = arena.copy(), one.make()
        parts = {str(n): part for n, part in enumerate(np.split(whole, cut))}
        for grad in grads:
            optimizer.step(parts, {str(n): part for n, part in enumerate(np.split(grad, cut))})
        found.append({"numbers": whole})
        same(found[0], found[-1], f"cut at {list(cut)}: the {{}} differ from those of the whole")


@check("frozen")
def frozen(one: OptimizerSubject) -> None:
    """A frozen part and its slots do not change, and the other numbers take the same steps."""
    if one.is_of_names:
        _frozen_by_name(one)
        return
    rng = np.random.default_rng(6)
    arena, grads = rng.standard_normal(24), rng.standard_normal((4, 24))
    inside = slice(5, 9)
    found: dict[bool, Arrays] = {}
    for is_frozen in (False, True):
        params, optimizer = arena.copy(), one.make()
        optimizer.step(params, grads[0])
        before = {"numbers": params[inside].copy(), **_slots(optimizer, inside)}
        for grad in grads[1:]:
            ranges = [(inside.start, inside.stop)] if is_frozen else []
            optimizer.step(arena_view(params, ranges), grad)
        if is_frozen:
            after = {"numbers": params[inside].copy(), **_slots(optimizer, inside)}
            same(before, after, "frozen: the {} change")
        found[is_frozen] = {"numbers": np.delete(params, inside)}
    same(found[False], found[True], "next to a frozen part the {} differ")


class _Frozen(dict[str, Any]):
    """Parameters of which one is frozen, as `net.parameters()` are."""

    frozen = frozenset({"weight"})


def _frozen_by_name(one: OptimizerSubject) -> None:
    optimizer, free = one.make(), one.course(one.make(), steps=4)
    params = one.course(optimizer, steps=1)
    before, kept = copies(params), optimizer.state_dict()["slots"]["weight"]
    for n in (1, 2, 3):
        optimizer.step(_Frozen(params), gradients(n))
    after = optimizer.state_dict()["slots"]["weight"]
    same({"weight": before["weight"]}, {"weight": params["weight"]}, "frozen: the {} changes")
    same(kept, after, "frozen: slot {} changes")
    rest = [name for name in SHAPES if name != "weight"]
    found = [{name: own[name] for name in rest} for own in (free, params)]
    same(found[0], found[1], "next to a frozen parameter {} differs")


def _slots(optimizer: Optimizer, part: slice) -> Arrays:
    """What the optimizer keeps for a part of an arena."""
    kept = optimizer.state_dict()["slots"].get("arena", {})
    return {f"slot {slot!r}": one[part].copy() for slot, one in kept.items()}


@check("layouts")
def layouts(one: OptimizerSubject) -> None:
    """Arrays of any layout take the same steps, gradients of other float types too."""
    clean = one.course(one.make(), steps=1)
    for name, layout in LAYOUTS.items():
        params = start()
        given = {key: layout(value) for key, value in gradients(0).items()}
        one.make().step(params, given)
        same(clean, params, f"{name} gradients: {{}} differs")
        if name != "read-only":
            params = {key: layout(value) for key, value in start().items()}
            one.make().step(params, gradients(0))
            same(clean, params, f"{name} parameters: {{}} differs")


@check("resume")
def resume(one: OptimizerSubject) -> None:
    """An optimizer resumed after any step gives bit-identical results; a state dict is a copy."""
    whole = one.course(one.make(), steps=4)
    for stop in (0, 1, 3):
        first = one.make()
        params = one.course(first, steps=stop)
        state = first.state_dict()
        fresh = one.make()
        fresh.load_state_dict(state)
        one.course(first, copies(params), steps=2, first=stop)  # The state dict is unchanged by this.
        one.course(fresh, params, steps=4 - stop, first=stop)
        same(whole, params, f"stopped after {stop} of 4 steps: {{}} differs")
        if fresh.steps != 4:
            raise Failed(f"stopped after {stop} of 4 steps, it counts {fresh.steps} steps in the end")


def _no_rate(one: OptimizerSubject) -> str | None:
    return None if "lr" in one.make().options else "it has no learning rate"


@check("learning_rate", _no_rate)
def learning_rate(one: OptimizerSubject) -> None:
    """The learning rate has an effect, and setting it between steps equals giving it at construction."""
    given = one.make()
    rate = given.lr
    one.course(given, steps=2)
    changed = one.make()
    params = one.course(changed, steps=1)
    changed.lr = 3.0 * rate
    one.course(changed, params, steps=1, first=1)
    if changed.lr != 3.0 * rate:
        raise Failed(f"lr was set to {3.0 * rate} and is {changed.lr}")
    kept = one.course(one.make(), steps=2)
    if all(np.array_equal(value, params[name]) for name, value in kept.items()):
        raise Failed("another learning rate changes nothing")
    other = one.spec.factory(**{**given.options, "lr": 3.0 * rate})
    first = one.make()
    first.lr = 3.0 * rate
    message = "{}: lr set after making, and given when made, take other steps"
    same(one.course(other, steps=1), one.course(first, steps=1), message)


@check("downhill")
def downhill(one: OptimizerSubject) -> None:
    """With a constant gradient, parameters that start at 0 go downhill."""
    grads = gradients(0)
    params = {name: np.zeros_like(value) for name, value in grads.items()}
    optimizer = one.make()
    for _ in range(5):
        optimizer.step(params, grads)
    for name, value in params.items():
        if not (value * grads[name]).sum() < 0.0:
            raise Failed(f"{name} goes uphill: is the sign of the step wrong?")


@check("float32")
def float32(one: OptimizerSubject) -> None:
    """float32 takes the steps of float64 up to rounding."""
    single = {name: value.astype(np.float32) for name, value in start().items()}
    double = {name: value.astype(np.float64) for name, value in single.items()}
    optimizers = one.make(), one.make()
    for n in range(5):
        grads = gradients(n, "float32")
        optimizers[0].step(single, grads)
        optimizers[1].step(double, {name: value.astype(np.float64) for name, value in grads.items()})
    near(double, single, 1e-5, "{} after 5 steps in float64 and in float32")


@check("extremes")
def extremes(one: OptimizerSubject) -> None:
    """Gradients that are 0, tiny or huge give no NaN."""
    for dtype in ("float32", "float64"):
        for size in (0.0, 1e-40, 1e-20, 1e18, 1e30):
            params = start(dtype)
            optimizer = one.make()
            for n in range(3):
                # Once with the opposite sign: stored values must not overflow into inf - inf.
                grads = {name: np.full_like(value, size * (-1) ** n) for name, value in params.items()}
                try:
                    optimizer.step(params, grads)
                except NonFiniteError as error:  # An infinity is refused, as it should be.
                    if "hold nan" in str(error):
                        raise Failed(f"{dtype}, gradients of {size:g} give NaN: {error}") from error


@check("nan")
def nan(one: OptimizerSubject) -> None:
    """A step with a NaN or an infinity in a gradient raises NonFiniteError, and changes nothing."""
    for bad in (np.nan, np.inf, -np.inf):
        for eager in (False, True):
            optimizer = one.make()
            params = one.course(optimizer, steps=1)
            before, state, grads = copies(params), optimizer.state_dict(), gradients(1)
            grads["weight"][2, 1] = bad
            try:
                ignoring(optimizer.step_eagerly if eager else optimizer.step, params, grads)
            except NonFiniteError as error:
                if "'weight'" not in str(error) or "[2, 1]" not in str(error):
                    raise Failed(f"{bad} in the gradient of weight[2, 1]: {error}") from error
            else:
                if not np.isfinite(params["weight"][2, 1]) or np.isnan(bad):
                    raise Failed(f"{bad} in a gradient does not reach its parameter: it would go unseen")
                continue
            same(before, params, f"{bad} in a gradient: {{}} changes")
            if optimizer.steps != state["steps"]:
                raise Failed(f"{bad} in a gradient: the step is counted")
            for name, slots in optimizer.state_dict()["slots"].items():
                same(state["slots"][name], slots, f"{bad} in a gradient: slot {{}} of {name} changes")


@check("empty")
def empty(one: OptimizerSubject) -> None:
    """A step without parameters, or with empty parameters, is not an error."""
    optimizer = one.make()
    optimizer.step({}, {})
    params = {"none": np.zeros((0, 3)), **start()}
    one.make().step(params, {"none": np.zeros((0, 3)), **gradients(0)})
    same(
        one.course(one.make(), steps=1),
        {name: params[name] for name in SHAPES},
        "with an empty parameter {} differs",
    )


@check("bad_input")
def bad_input(one: OptimizerSubject) -> None:
    """Wrong names, shapes and types raise typed errors before anything is changed."""
    params, grads = start(), gradients(0)
    optimizer = one.make()
    wrong: dict[str, Callable[[], Any]] = {
        "a gradient missing": lambda: optimizer.step(params, {"bias": grads["bias"]}),
        "a gradient too many": lambda: optimizer.step(params, {**grads, "no_such_name": grads["bias"]}),
        "a gradient of another shape": lambda: optimizer.step(params, {**grads, "one": np.ones(2)}),
        "parameters of integers": lambda: optimizer.step({"one": np.ones(1, int)}, {"one": grads["one"]}),
        "a state that is none": lambda: optimizer.load_state_dict({"steps": 1}),
    }
    before = copies(params)
    for name, call in wrong.items():
        refused(name, call)
        same(before, params, f"{name}: {{}} is changed")
    if optimizer.steps:
        raise Failed(f"after refused calls {optimizer.steps} steps are counted")


OPTIMIZER: Kind[OptimizerSubject] = Kind(
    "optimizer",
    (
        *subject.CHECKS,
        in_place,
        repeatable,
        eager,
        engine_threads,
        company,
        frozen,
        layouts,
        resume,
        learning_rate,
        downhill,
        float32,
        extremes,
        nan,
        empty,
        bad_input,
    ),
    OptimizerSubject,
)
