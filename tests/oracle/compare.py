"""One random program, run by the engine in every way and by plain NumPy: do they agree?

Values are compared with the reference directly. Gradients are compared with central differences, along a
random direction of the parameters, of the input and of the initial state. What is promised to be
bit-identical is compared bit by bit.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

import ostinato as ost
from ostinato import eager
from tests.oracle.answer import KINDS, PENALTY_SCALE, Answer, Problem, answer, scalars, settings
from tests.oracle.case import Case, Mismatch, Places
from tests.oracle.reference import Floats

LARGEST = 1e3
"""A program whose numbers grow beyond this is not compared: its rounding errors are as large as a fault."""

VALUES = 1e-9
"""Relative to the largest value: 10^6 roundings of float64 in one direction; no program here has so many."""

SLOPE = 3e-6
"""Relative: a central difference over 1e-5 errs by 1e-10 of the third derivative, 1e-11 of the value."""

STEP = 1e-5


class Undecided(Exception):
    """The reference has no answer: numbers too large, or a result that hangs on rounding."""


def slope_of(scalar: Floats, kind: str, step: float) -> tuple[float, float]:
    """The central difference along a kind's direction, and by how much those of its two sides differ."""
    place = 1 + 2 * KINDS.index(kind)
    ahead, behind = scalar[place] - scalar[0], scalar[0] - scalar[place + 1]
    return float(ahead + behind) / (2 * step), float(abs(ahead - behind)) / step


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
