"""The backward pass: gradients against central differences, linearity, and the two calls for gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ostinato.testing.arrays import Arrays, near, same
from ostinato.testing.networks.model import Model
from ostinato.testing.networks.time import ROUNDING, by_name, trained
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Check, Failed, check
from ostinato.testing.slopes import Kink, compare, smooth_slopes

# The number of redraws if one-sided differences show a corner. One of a hundred entries lies within a step of
# a corner with probability 1e-3, so that the second draw is rare and the ninth an error.
DRAWS = 8


@check("gradients")
def gradients(model: Model) -> None:
    """In float64 gradients (inputs, parameters, initial states) equal the numeric ones, for T = 1 and 5."""
    at_one_step = True
    for steps, ragged in ((1, False), (5, False), (5, True)):

        def make(draw: int, steps: int = steps, ragged: bool = ragged) -> Problem:
            return model.problem(3, steps, 2, 3, ragged=ragged, draw=draw)

        problem, numeric = away_from_kinks(make)
        analytic = problem.results()
        given = [(name, analytic[name], slopes) for name, slopes in numeric.items()]
        hint = ""
        if steps > 1 and at_one_step:
            hint = "T=1 is right, so the gradient through the state is wrong"
        compare(given, f"T={steps}" + (", ragged" if ragged else ""), hint)


def away_from_kinks(make: Callable[[int], Problem]) -> tuple[Problem, Arrays]:
    """The first draw of a problem with defined numeric derivatives, and these derivatives."""
    found = ""
    for draw in range(DRAWS):
        problem = make(draw)
        try:
            return problem, smooth_slopes(problem.scalar, problem.given())
        except Kink as kink:
            found = str(kink)
    raise Failed(f"each of {DRAWS} draws lies on a corner or a jump, where no slope is defined: {found}")


@check("linear_vjp")
def linear_vjp(model: Model) -> None:
    """The backward pass is linear in its input: 0 gives 0, twice gives twice, a sum gives the sum."""
    problem = model.problem(4, 5, 3, 5, ragged=True)
    other = model.problem(4, 5, 3, 5, ragged=True, draw=1)
    run = problem.run()

    def back(a: float, b: float) -> Arrays:
        d_outputs = a * problem.d_outputs + b * other.d_outputs
        d_final = {k: a * v + b * other.d_final_state[k] for k, v in problem.d_final_state.items()}
        found = by_name(problem.back(run, d_outputs, d_final, a + 3 * b))
        return {name: value for name, value in found.items() if not name.startswith("final_state.")}

    one, two, both = back(1, 0), back(0, 1), back(1, 1)
    for name, value in back(0, 0).items():
        if value.any():
            raise Failed(f"the gradient of {name} is not 0, but the incoming gradient is")
    twice = {name: 2 * value for name, value in one.items()}
    same(twice, back(2, 0), "twice as much going back does not give twice the gradient of {}")
    sums = {name: value + two[name] for name, value in one.items()}
    near(both, sums, ROUNDING, "the gradient of {} for a sum, and the sum of its gradients")
    same(one, back(1, 0), "backward a second time adds to the gradient of {}; it is to start anew")


@check("value_and_grad")
def value_and_grad(model: Model) -> None:
    """`value_and_grad` gives the loss of the outputs of `run`, and the gradients of `Run.backward`."""
    problem = model.problem(4, 5, 3, 5, ragged=True)
    run = problem.run()
    lengths = np.asarray(problem.lengths)
    inside = np.arange(5)[None, :, None] < lengths[:, None, None]
    # mse averages over the features of a step, the mean over steps: d/dy is 2 (y - t) / (F steps).
    off = np.where(inside, run.outputs - problem.d_outputs, 0.0)
    count = problem.network.output_size * lengths.sum()
    expected = by_name(problem.back(run, 2 * off / count, d_penalty=1.0))
    expected["loss"] = np.asarray((off**2).sum() / count + (run.penalty or 0.0))
    found = trained(problem, None, reduction="mean")
    near(found, expected, ROUNDING, "{} of value_and_grad, and of run and backward")


CHECKS: tuple[Check[Model], ...] = (gradients, linear_vjp, value_and_grad)
