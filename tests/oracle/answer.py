"""What the reference gives for a case: outputs, states, losses, and the scalars that are differentiated."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ostinato as ost
from tests.oracle.case import REGULARIZERS, Case
from tests.oracle.reference import Draw, Floats, Program, uniform, unroll


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
