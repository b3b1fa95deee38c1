"""One random program, run by the engine in every way and by plain NumPy: do they agree?

Values are compared with the reference directly. Gradients are compared with central differences, along a
random direction of the parameters, of the input and of the initial state. What is promised to be
bit-identical is compared bit by bit.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ostinato as ost
from ostinato import eager
from tests.oracle.generate import recipe as random_recipe
from tests.oracle.recipe import Recipe
from tests.oracle.reference import Draw, Floats, Program, uniform, unroll

LARGEST = 1e3
"""A program whose numbers grow beyond this is not compared: its rounding errors are as large as a fault."""

VALUES = 1e-9
"""Relative to the largest value: 10^6 roundings of float64 in one direction; no program here has so many."""

SLOPE = 3e-6
"""Relative: a central difference over 1e-5 errs by 1e-10 of the third derivative, 1e-11 of the value."""

STEP = 1e-5

REGULARIZERS: dict[str, Any] = {
    "Dropout(0.3)": lambda: ost.Dropout(0.3),
    "VariationalDropout(0.4)": lambda: ost.VariationalDropout(0.4),
    "RecurrentDropout(0.3)": lambda: ost.RecurrentDropout(0.3),
    "WeightDrop(0.3)": lambda: ost.WeightDrop(0.3),
    "Zoneout(0.3)": lambda: ost.Zoneout(0.3),
    "SkipConnection(0.5)": lambda: ost.SkipConnection(0.5),
    "LayerNorm()": lambda: ost.LayerNorm(),
    "ActivationPenalty(0.2)": lambda: ost.ActivationPenalty(0.2),
    "TemporalActivationPenalty(0.3)": lambda: ost.TemporalActivationPenalty(0.3),
    "L2(0.1)": lambda: ost.L2(0.1),
}


class Undecided(Exception):
    """The reference has no answer: numbers too large, or a result that hangs on rounding."""


class Mismatch(Exception):
    """The engine and the reference differ."""


class Places:
    """Where the steps of a case are in the arrays of the engine: among masked steps, if the case has some."""

    def __init__(self, case: Case) -> None:
        rng = np.random.default_rng([case.seed, 17])
        self.steps = case.steps + case.masked
        self.rows = [
            np.sort(rng.choice(self.steps, length, replace=False)) if case.masked else np.arange(length)
            for length in case.lengths
        ]
        self.resets = np.zeros((len(case.lengths), self.steps), bool)
        for row, t in case.resets:
            # a reset at a masked step starts a sequence at the next step that is not masked
            first = self.rows[row][t - 1] + 1 if t else 0
            self.resets[row, rng.integers(first, self.rows[row][t] + 1)] = True
        self.mask: NDArray[np.bool_] | None = None
        if case.masked:
            self.mask = np.zeros((len(case.lengths), self.steps), bool)
            for row, place in enumerate(self.rows):
                self.mask[row, place] = True

    def spread(self, array: Floats) -> Floats:
        """An array (N, T, ...) of the case as the engine gets it, with NaN at masked steps."""
        if self.mask is None:
            return array
        made = np.full((len(array), self.steps, *array.shape[2:]), np.nan)
        for row, place in enumerate(self.rows):
            made[row, place] = array[row, : len(place)]
        return made

    def gathered(self, array: Floats, steps: int) -> Floats:
        """A result (N, T, ...) at the steps of the case. Raises Mismatch unless masked steps are 0."""
        if self.mask is None:
            return array
        if array[~self.mask].any():
            raise Mismatch("a result at a masked step is not 0")
        made = np.zeros((len(array), steps, *array.shape[2:]))
        for row, place in enumerate(self.rows):
            made[row, : len(place)] = array[row, place]
        return made


@dataclass(frozen=True)
class Case:
    """A recipe, how it is run, and the seed of all numbers."""

    recipe: Recipe
    seed: int
    lengths: tuple[int, ...]
    steps: int
    bidirectional: bool = False
    regularizers: tuple[str, ...] = ()
    resets: tuple[tuple[int, int], ...] = ()
    k1: int = 1
    k2: int = 1
    masked: int = 0
    """How many masked steps the engine has besides: the steps of a row lie somewhere among them."""

    @classmethod
    def random(cls, seed: int) -> Case:
        """The case of a seed."""
        rng = random.Random(~seed)
        if rng.random() < 0.15:  # several blocks of time: few rows with many steps among many without
            steps, rows = rng.randint(18, 36), rng.choice([16, 32])
            lengths = [0] * rows
            for _ in range(rng.randint(1, 4)):
                lengths[rng.randrange(rows)] = rng.randint(1, steps)
            lengths[rng.randrange(rows)] = steps
        else:
            steps, rows = rng.randint(1, 6), rng.randint(1, 4)
            lengths = [rng.choice([steps, rng.randint(0, steps)]) for _ in range(rows)]
        marks = []
        if rng.random() < 0.4:
            marks = [(n, t) for n, length in enumerate(lengths) for t in range(length) if rng.random() < 0.3]
        k1 = rng.randint(1, max(1, steps // 2))
        recipe = random_recipe(seed)
        chosen = rng.sample(list(REGULARIZERS), rng.randint(1, 2)) if rng.random() < 0.25 else []
        return cls(
            recipe,
            seed,
            tuple(lengths),
            steps,
            bidirectional=rng.random() < 0.2,
            regularizers=tuple(name for name in chosen if applies(name, recipe)),
            resets=tuple(marks),
            k1=k1,
            k2=rng.randint(k1, steps + 1) if steps >= k1 else k1,
            masked=rng.randint(1, 4) if rng.random() < 0.3 else 0,
        )

    def smaller(self) -> Iterator[Case]:
        """Cases with one thing less, what helps a reader most first."""
        if self.regularizers:
            yield replace(self, regularizers=())
            yield from (replace(self, regularizers=(one,)) for one in self.regularizers)
        if self.masked:
            yield replace(self, masked=0)
        if self.bidirectional:
            yield replace(self, bidirectional=False)
        if self.resets:
            yield replace(self, resets=())
            yield from (
                replace(self, resets=tuple(r for r in self.resets if r != one)) for one in self.resets
            )
        for row in range(len(self.lengths)):
            if len(self.lengths) > 1:
                marks = tuple((n - (n > row), t) for n, t in self.resets if n != row)
                yield replace(self, lengths=self.lengths[:row] + self.lengths[row + 1 :], resets=marks)
        for steps in range(1, self.steps):
            marks = tuple((n, t) for n, t in self.resets if t < min(steps, self.lengths[n]))
            lengths = tuple(min(length, steps) for length in self.lengths)
            yield replace(self, steps=steps, lengths=lengths, resets=marks)
        for k1, k2 in ((1, 1), (self.k1, self.k1)):
            if (k1, k2) != (self.k1, self.k2):
                yield replace(self, k1=k1, k2=k2)
        yield from (replace(self, recipe=one) for one in self.recipe.smaller())

    def __str__(self) -> str:
        told = [f"seed {self.seed}, lengths={list(self.lengths)} of {self.steps} steps"]
        if self.resets:
            told.append(f"resets at (row, step) {list(self.resets)}")
        if self.masked:
            told.append(f"{self.masked} masked steps")
        if self.bidirectional:
            told.append("bidirectional")
        if self.regularizers:
            told.append(f"regularizers {', '.join(self.regularizers)}")
        return f"{self.recipe}\n# {'; '.join(told)}; TruncatedBPTT({self.k1}, {self.k2})"


def applies(regularizer: str, recipe: Recipe) -> bool:
    """Whether there is something in the cell that the regularizer can change; it refuses others."""
    try:
        ost.Recurrent(recipe.cell(), recipe.inputs, 1, regularizers=[REGULARIZERS[regularizer]()])
    except ost.OstinatoError:
        return False
    return True


@dataclass
class Piece:
    """A piece of a row between two resets."""

    row: int
    start: int
    length: int
    first: bool
    last: bool


@dataclass
class Numbers:
    """The arrays of a case, or a direction in their space."""

    params: dict[str, Floats]
    x: Floats
    state: dict[str, Floats]


@dataclass
class Problem:
    """A case with its network and numbers."""

    case: Case
    net: ost.Recurrent
    base: Numbers
    direction: Numbers
    targets: Floats
    d_out: Floats
    d_final: dict[str, Floats]
    sequences: list[Piece]
    noise: int
    programs: list[Program] = field(default_factory=list)
    penalties: list[Program | None] = field(default_factory=list)

    @classmethod
    def of(cls, case: Case) -> Problem:
        rng = np.random.default_rng(case.seed)
        net = ost.Recurrent(
            case.recipe.cell(),
            case.recipe.inputs,
            1,
            bidirectional=case.bidirectional,
            regularizers=[REGULARIZERS[name]() for name in case.regularizers],
            dtype="float64",
        )
        for view in net.parameters().values():
            view[...] = rng.uniform(0.2, 0.7, view.shape) * rng.choice([-1, 1], view.shape)
        rows = len(case.lengths)

        def numbers(draw: Any) -> Numbers:
            return Numbers(
                {name: draw(view.shape) for name, view in net.parameters().items()},
                draw((rows, case.steps, case.recipe.inputs)),
                {name: draw((n, rows, *size)) for name, (n, *size) in net.state_shapes.items()},
            )

        base = numbers(lambda shape: rng.uniform(-1, 1, shape))
        base.params = {name: view.copy() for name, view in net.parameters().items()}
        problem = cls(
            case,
            net,
            base,
            numbers(lambda shape: rng.normal(size=shape)),
            rng.normal(size=(rows, case.steps, net.output_size)),
            rng.normal(size=(rows, case.steps, net.output_size)),
            {name: rng.normal(size=value.shape) for name, value in base.state.items()},
            list(sequences(case)),
            case.seed,
        )
        problem.use(training=True)
        return problem

    def use(self, training: bool) -> None:
        """Which programs the reference runs."""
        units = self.net._units[0]
        texts = [(unit.program if training else unit.inference or unit.program).to_json() for unit in units]
        self.programs = [Program(text) for text in texts]
        penalties = [unit.penalty if training else None for unit in units]
        self.penalties = [one and Program(one.to_json()) for one in penalties]

    def jitter(self, seed: int) -> None:
        for k, program in enumerate(self.programs):
            program.jitter = np.random.default_rng([seed, k])


def sequences(case: Case) -> Iterator[Piece]:
    """The pieces of all rows."""
    for row, length in enumerate(case.lengths):
        marks = sorted(t for n, t in case.resets if n == row and t < length)
        starts = [0, *(t for t in marks if t > 0)]
        for start, end in itertools.pairwise([*starts, length]):
            yield Piece(row, start, end - start, start == 0 and 0 not in marks, end == length)


# The reference


@dataclass
class Answer:
    """What the reference gives for several settings of all numbers (P): along the first axis."""

    outputs: Floats
    """(P, N, T, n)"""
    step_penalties: Floats
    """(P,): the sum over the valid steps"""
    penalty: Floats
    """(P,): what the parameters add"""
    finals: dict[str, Floats]
    """(P, directions, N, ...)"""
    losses: Floats
    """(P,): squared errors, summed over the valid steps"""
    truncated: Floats
    """(P,): the scalar whose gradient truncated BPTT gives, penalties of the steps included"""
    largest: float
    """The largest absolute value of any state at any step; nan if one is nan."""


def answer(problem: Problem, settings: Sequence[Numbers], truncated: bool = False) -> Answer:
    """Runs all settings side by side."""
    case, pieces = problem.case, problem.sequences
    many, count, rows = len(settings), len(pieces), len(case.lengths)
    lengths = np.tile([one.length for one in pieces], many)
    row_of, start_of = (
        np.array([one.row for one in pieces], int),
        np.array([one.start for one in pieces], int),
    )
    steps = int(lengths.max(initial=0))
    outputs: list[Floats] = []
    finals = {name: np.zeros((many, *value.shape)) for name, value in problem.base.state.items()}
    totals = np.zeros((3, many))
    cut = np.zeros(many)
    largest = 0.0
    for direction, program in enumerate(problem.programs):
        program.settings = many
        suffix = "_l0_reverse" if direction else "_l0"
        names = [name for name in problem.base.params if name.endswith(suffix)]
        own = {name.removesuffix(suffix): np.stack([s.params[name] for s in settings]) for name in names}
        params = {name: np.repeat(value, count, axis=0) for name, value in own.items()}
        x = np.zeros((many, count, steps, case.recipe.inputs))
        places = [np.arange(one.start, one.start + one.length) for one in pieces]
        places = [place[::-1] if direction else place for place in places]
        for k, (one, place) in enumerate(zip(pieces, places, strict=True)):
            for p, s in enumerate(settings):
                x[p, k, : one.length] = s.x[one.row, place]
        first = np.array([one.first for one in pieces], float)
        states = {}
        for name in problem.base.state:
            value = np.stack([s.state[name][direction][row_of] for s in settings])
            value = value * first.reshape(-1, *(1,) * (value.ndim - 2))
            states[name] = value.reshape(many * count, *value.shape[2:])

        def draw(t: int, layer: int = direction) -> Draw:
            step, row = np.tile(start_of + t, many), np.tile(row_of, many)
            zero = np.zeros_like(row)

            def numbers(stream: int, per: int, units: int) -> Floats:
                places = [(step, row), (zero, row), (zero, zero)][per]
                return uniform(problem.noise, layer, stream, *places, units)

            return numbers

        x = x.reshape(many * count, steps, case.recipe.inputs)
        run = unroll(program, params, x, states, lengths, draw)
        for state in run.states:
            largest = np.max([largest, *(np.abs(value).max(initial=0) for value in state.values())])
        own_penalty = problem.penalties[direction]
        if own_penalty is not None:
            own_penalty.settings = many
            found, _ = own_penalty.step(own, many)
            totals[1] += found["penalty"]
        if "penalty" in run.outputs:
            totals[0] += run.outputs["penalty"].sum(axis=0).reshape(many, count).sum(axis=1)
        width = problem.net.output_size // len(problem.programs)
        laid = np.zeros((many, rows, case.steps, width))
        if steps:
            found_out = np.moveaxis(run.outputs["output"], 0, 1).reshape(many, count, steps, width)
            for k, (one, place) in enumerate(zip(pieces, places, strict=True)):
                laid[:, one.row, place] = found_out[:, k, : one.length]
        outputs.append(laid)
        for name, value in run.states[-1].items():
            value = value.reshape(many, count, *value.shape[1:])
            for k, one in enumerate(pieces):
                if one.last:
                    finals[name][:, direction, one.row] = value[:, k]
        if truncated:
            cut += windows(problem, program, params, x, run.states, lengths, draw, many, states)
    joined = np.concatenate(outputs, axis=-1)
    errors = ((joined - problem.targets) ** 2).mean(axis=-1)
    valid = np.arange(case.steps) < np.array(case.lengths)[:, None]
    totals[2] = (errors * valid).sum(axis=(1, 2))
    return Answer(joined, totals[0], totals[1], finals, totals[2], cut, float(largest))


def windows(
    problem: Problem,
    program: Program,
    params: dict[str, Floats],
    x: Floats,
    trail: list[dict[str, Floats]],
    lengths: NDArray[np.int64],
    draw: Any,
    many: int,
    initial: dict[str, Floats],
) -> Floats:
    """The sum over windows of their loss terms, each from the state of the unmoved run at its beginning."""
    case, pieces = problem.case, problem.sequences
    count, total = len(pieces), np.zeros(many)
    targets = np.zeros((count, x.shape[1], problem.net.output_size))
    for k, one in enumerate(pieces):
        targets[k, : one.length] = problem.targets[one.row, one.start : one.start + one.length]
    k1, k2 = case.k1, case.k2
    if k2 >= case.steps + case.masked:  # the steps of the arrays, padding and masked steps included
        k1 = k2 = case.steps
    for number in range(-(-x.shape[1] // k1)):
        end = min((number + 1) * k1, x.shape[1])
        begin = max(0, (number + 1) * k1 - k2)
        given = initial
        if begin:
            unmoved = {name: value[:count] for name, value in trail[begin].items()}
            given = {name: np.tile(one, (many, *(1,) * (one.ndim - 1))) for name, one in unmoved.items()}
        clipped = np.clip(lengths - begin, 0, end - begin)
        run = unroll(program, params, x[:, begin:end], given, clipped, lambda t, b=begin: draw(b + t))
        skipped = number * k1 - begin
        out = np.moveaxis(run.outputs["output"], 0, 1)[:, skipped:].reshape(
            many, count, -1, targets.shape[-1]
        )
        alive = (np.arange(number * k1, end) < lengths[:count, None])[None]
        terms = ((out - targets[:, number * k1 : end]) ** 2).mean(axis=-1)
        total += (terms * alive).sum(axis=(1, 2))
        if "penalty" in run.outputs:
            total += run.outputs["penalty"][skipped:].sum(axis=0).reshape(many, count).sum(axis=1)
    return total


def settings(problem: Problem, step: float) -> list[Numbers]:
    """The numbers as they are, then moved along the direction of the parameters, the input and the state."""
    base, along = problem.base, problem.direction

    def moved(kind: str, by: float) -> Numbers:
        numbers = replace(base)
        if kind == "x":
            numbers.x = base.x + by * along.x
        else:
            own, way = getattr(base, kind), getattr(along, kind)
            setattr(numbers, kind, {name: own[name] + by * way[name] for name in own})
        return numbers

    return [base, *(moved(kind, by) for kind in KINDS for by in (step, -step))]


KINDS = ("params", "x", "state")


def scalars(problem: Problem, found: Answer, divisor: float) -> tuple[Floats, Floats, Floats]:
    """The scalars that are differentiated, for each setting."""
    mean = found.step_penalties / max(1, sum(problem.case.lengths)) + found.penalty
    run = (found.outputs * problem.d_out).sum(axis=(1, 2, 3)) + mean * PENALTY_SCALE
    for name, value in found.finals.items():
        run = run + (value * problem.d_final[name]).reshape(len(value), -1).sum(axis=1)
    loss = (found.losses + found.step_penalties) / divisor + found.penalty
    return run, loss, found.truncated / divisor + found.penalty


PENALTY_SCALE = 0.7


def slope_of(scalar: Floats, kind: str, step: float) -> tuple[float, float]:
    """The central difference along a kind's direction, and by how much those of its two sides differ."""
    place = 1 + 2 * KINDS.index(kind)
    ahead, behind = scalar[place] - scalar[0], scalar[0] - scalar[place + 1]
    return float(ahead + behind) / (2 * step), float(abs(ahead - behind)) / step


# The engine against it


def check(case: Case) -> None:
    """Raises Mismatch where they differ, Undecided where the reference has no answer."""
    with np.errstate(all="ignore"):
        Check(case).all()


class Check:
    """The comparison of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.problem = Problem.of(case)
        self.truncates = not case.bidirectional
        self.places = Places(case)
        rng = random.Random(case.seed)
        self.reduction = rng.choice(["mean", "sum"])
        self.divisor = float(max(1, sum(case.lengths))) if self.reduction == "mean" else 1.0

    def all(self) -> None:
        case, problem, net = self.case, self.problem, self.problem.net
        found = answer(problem, settings(problem, STEP), self.truncates)
        everything = [found.outputs, found.losses, found.truncated, found.penalty, *found.finals.values()]
        everything.append(np.array(found.largest))  # of states that nothing reads too: 0 times inf is nan
        if not all(np.isfinite(one).all() and np.abs(one).max(initial=0) < LARGEST for one in everything):
            raise Undecided("numbers too large")
        base, places = problem.base, self.places
        x, targets = places.spread(base.x), places.spread(problem.targets)
        more = {
            "lengths": np.array(case.lengths) if places.mask is None else None,
            "mask": places.mask,
            "state": base.state,
            "resets": places.resets if case.resets else None,
        }
        training = net.run(x, training=True, seed=problem.noise, **more)
        self.values("training", training.outputs, training.final_state, found)
        self.scalars = scalars(problem, found, self.divisor)
        with_penalty = None if training.penalty is None else PENALTY_SCALE
        d_out = places.spread(problem.d_out)
        self.slopes("backward", training.backward(d_out, problem.d_final, with_penalty), 0)

        whole = {"loss": "mse", "reduction": self.reduction, "seed": problem.noise, **more}
        if sum(case.lengths):
            loss, grads = net.value_and_grad(x, targets, **whole)
            expected = self.scalars[1][0]
            self.close("the loss of value_and_grad", np.array(loss), expected)
            self.slopes("value_and_grad", grads, 1)
            again = self.checkpointed(whole)
            if again is not None:
                value, other = again
                same = value == loss and all(
                    a.tobytes() == b.tobytes() for a, b in zip(arrays(grads), arrays(other), strict=True)
                )
                if not same:
                    raise Mismatch("CheckpointedBPTT differs from FullBPTT in its bits")
            if self.truncates:
                way = ost.TruncatedBPTT(case.k1, case.k2)
                value, grads = net.value_and_grad(x, targets, through_time=way, **whole)
                self.close("the loss of TruncatedBPTT", np.array(value), expected)
                self.slopes("TruncatedBPTT", grads, 2)
        self.inference(more, found)

    def checkpointed(self, whole: dict[str, Any]) -> Any:
        """Where there are several blocks of time, for a small budget."""
        if self.case.steps < 16:
            return None
        x, targets = (self.places.spread(one) for one in (self.problem.base.x, self.problem.targets))
        way = ost.CheckpointedBPTT("sqrt")
        return self.problem.net.value_and_grad(x, targets, through_time=way, **whole)

    def inference(self, more: dict[str, Any], trained: Answer) -> None:
        """Without regularization: against the reference, the eager run, and step by step."""
        problem, net, case = self.problem, self.problem.net, self.case
        base = problem.base
        found = trained
        if case.regularizers:
            problem.use(training=False)
            found = answer(problem, [base])
        run = net.run(self.places.spread(base.x), **more)
        self.values("inference", run.outputs, run.final_state, found)
        if not case.bidirectional:
            self.stream(run, found)
        if not case.regularizers:
            self.eager(found)

    def stream(self, run: ost.Run, found: Answer) -> None:
        """The longest row alone, step by step, without resets but those of its own."""
        case, problem = self.case, self.problem
        row = int(np.argmax(case.lengths))
        stream = problem.net.stream(batch=1)
        stream.state = {name: value[:, row : row + 1] for name, value in problem.base.state.items()}
        for t in range(min(case.lengths[row], 12)):
            reset = np.array([(row, t) in case.resets])
            got = stream.step(problem.base.x[row : row + 1, t], resets=reset)
            if not np.array_equal(got[0], run.outputs[row, self.places.rows[row][t]]):
                self.close(f"step {t} of a stream", got[0], found.outputs[0, row, t])
                raise Mismatch(f"step {t} of a stream differs in its bits from a run")

    def eager(self, found: Answer) -> None:
        """The author's own step, for the shortest row that has one: was it traced as it is written?"""
        case, problem = self.case, self.problem
        pieces = [one for one in problem.sequences if one.length]
        if not pieces:
            return
        one = min(pieces, key=lambda one: one.length)
        x = problem.base.x[one.row, one.start : one.start + one.length]
        state = {name: value[0, one.row] * float(one.first) for name, value in problem.base.state.items()}
        params = {
            name.removesuffix("_l0"): value
            for name, value in problem.base.params.items()
            if name.endswith("_l0")
        }
        got, _ = eager.run(case.recipe.cell()(), params, x, state, hidden_size=1)
        width = got.shape[-1]
        expected = found.outputs[0, one.row, one.start : one.start + one.length, :width]
        self.close("the eager run of the step", got, expected)

    # comparing

    def values(self, what: str, outputs: Floats, finals: dict[str, Floats], found: Answer) -> None:
        self.close(f"outputs of {what}", self.places.gathered(outputs, self.case.steps), found.outputs[0])
        for name, value in finals.items():
            self.close(f"final state {name} of {what}", value, found.finals[name][0])

    def close(self, what: str, got: Floats, expected: Floats) -> None:
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        if not np.allclose(got, expected, rtol=0, atol=VALUES * scale):
            self.doubt(what)
            worst = int(np.argmax(np.abs(np.subtract(got, expected))))
            got, expected = float(np.ravel(got)[worst]), float(np.ravel(expected)[worst])
            raise Mismatch(f"{what}: element {worst} is {got!r}; expected {expected!r}")

    def doubt(self, what: str) -> None:
        """Undecided where the reference itself changes when its values are off by rounding errors."""
        exact = answer(self.problem, [self.problem.base])
        self.problem.jitter(1)
        shaken = answer(self.problem, [self.problem.base])
        for one, other in (
            (exact.outputs, shaken.outputs),
            *zip(exact.finals.values(), shaken.finals.values(), strict=True),
        ):
            if not np.allclose(one, other, rtol=0, atol=VALUES * max(1.0, float(np.abs(one).max(initial=0)))):
                raise Undecided(f"{what} hangs on rounding")
        for program in self.problem.programs:
            program.jitter = None

    def slopes(self, what: str, grads: ost.Gradients, place: int) -> None:
        """Compares with the slopes of scalar number `place`."""
        along = self.problem.direction
        got = {
            "params": sum(float((grads.params[name] * along.params[name]).sum()) for name in along.params),
            "x": 0.0
            if grads.inputs is None
            else float((self.places.gathered(grads.inputs, self.case.steps) * along.x).sum()),
            "state": sum(
                float((grads.initial_state[name] * along.state[name]).sum()) for name in along.state
            ),
        }
        for kind, value in got.items():
            slope, bend = slope_of(self.scalars[place], kind, STEP)
            off = abs(value - slope)
            if off <= SLOPE * max(1.0, abs(slope)):
                continue
            if any(program.flips for program in self.problem.programs):
                raise Undecided(f"{what}: a comparison comes out otherwise within the step")
            # where the third derivative is 10^4 or more, shorter steps are nearer to the slope
            for step in (STEP / 8, STEP / 64):
                found = answer(self.problem, settings(self.problem, step), self.truncates)
                scalar = scalars(self.problem, found, self.divisor)[place]
                shorter, shorter_bend = slope_of(scalar, kind, step)
                off = min(off, abs(value - shorter))
                # without a kink the two sides differ by the second derivative times the step
                if bend > SLOPE * max(1.0, abs(slope)) and shorter_bend > bend / 3:
                    raise Undecided(f"{what}: the slope along {kind} is no limit")
            if off > SLOPE * max(1.0, abs(slope)):
                self.doubt(what)
                raise Mismatch(f"gradient of {what} along {kind}: {value:.9g}; expected {slope:.9g}")


def arrays(grads: ost.Gradients) -> list[Floats]:
    """All arrays of gradients."""
    inputs = [] if grads.inputs is None else [grads.inputs]
    return [grads.arena, *inputs, *grads.initial_state.values(), *grads.final_state.values()]
