"""Numerical limits: float32 against float64, very large and very small numbers, NaN and infinity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ostinato.network.network import Network
from ostinato.testing.arrays import Arrays
from ostinato.testing.networks.model import Model
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Check, Failed, check

# Units in the last place of float32 per step: sums of some ten products, then a few functions with an error
# of up to 4 ULP; the next step starts with that error.
ULP = 2.0**-23
ULPS_A_STEP = 200


@check("float32")
def float32(model: Model) -> None:
    """float32 agrees with float64 up to rounding, which grows with T, also for larger inputs."""
    for scale in (1.0, 4.0):
        for steps in (1, 9):
            double = _scaled(model.problem(5, steps, 3, 6, draw=1), scale)
            single = replace(
                double,
                network=_as_float32(model, double),
                **{name: getattr(double, name).astype(np.float32) for name in ("x", "d_outputs")},
                state=_rounded(double.state),
                d_final_state=_rounded(double.d_final_state),
            )
            # The same numbers in both, so that only the arithmetic differs.
            double = replace(
                double,
                x=single.x.astype(np.float64),
                d_outputs=single.d_outputs.astype(np.float64),
                state=_widened(single.state),
                d_final_state=_widened(single.d_final_state),
            )
            for name, view in double.network.parameters().items():
                view[...] = single.network.parameters()[name]
            exact = double.results()
            for name, value in single.results().items():
                wide = exact[name]
                allowed = ULPS_A_STEP * ULP * steps * max(1.0, float(np.abs(wide).max(initial=0.0)))
                apart = np.abs(value - wide)
                if (apart <= allowed).all():
                    continue
                worst = np.where(np.isnan(apart), np.inf, apart)
                place = np.unravel_index(int(np.argmax(worst)), wide.shape)
                index = ", ".join(str(int(one)) for one in place)
                raise Failed(
                    f"T={steps}, inputs of size {scale:g}: {name}[{index}] is {float(value[place]):.6g} "
                    f"in float32 and {float(wide[place]):.6g} in float64"
                )


@check("extremes")
def extremes(model: Model) -> None:
    """Inputs of +-1e4 and of 1e-40 give no NaN, forward and backward; the arithmetic mode is unchanged."""
    for dtype in ("float32", "float64"):
        for size in (1e4, 1e-40):
            problem = model.problem(5, 4, 3, 5, dtype)
            signs = np.sign(problem.x)
            problem = replace(problem, x=(signs * size).astype(dtype))
            bad = [name for name, value in problem.results().items() if np.isnan(value).any()]
            if bad:
                raise Failed(f"{dtype}, inputs of +-{size:g}: {', '.join(bad)} holds NaN")
    tiny = np.full(3, 1e-40, np.float32)
    if not (tiny * np.float32(1.0)).all():
        raise Failed("after the calls denormal numbers are flushed to 0: the arithmetic mode was changed")


@check("nan")
def nan(model: Model) -> None:
    """NaN in a row appears in that row's output at the same step, and in no other row and no earlier step."""
    problem = model.problem(4, 5, 3, 5)
    clean = problem.results()
    for bad in (np.nan, np.inf, -np.inf):
        dirty = replace(problem, x=problem.x.copy())
        dirty.x[1, 2] = bad
        results = dirty.results()
        for name, value in clean.items():
            if name.startswith("params."):
                continue
            rows = np.moveaxis(value, 1, 0) if "state" in name else value
            found = np.moveaxis(results[name], 1, 0) if "state" in name else results[name]
            for n in (0, 2, 3):
                if rows[n].tobytes() != found[n].tobytes():
                    raise Failed(f"{bad} in row 1 changes {name} of row {n}")
        if results["outputs"][1, :2].tobytes() != clean["outputs"][1, :2].tobytes():
            raise Failed(f"{bad} at step 2 changes outputs of steps before it")
        if np.isnan(bad) and not np.isnan(results["outputs"][1, 2]).any():
            raise Failed("NaN in x does not reach the output: a mistake in the data would go unseen")


def _scaled(problem: Problem, scale: float) -> Problem:
    return replace(problem, x=problem.x * scale)


def _as_float32(model: Model, problem: Problem) -> Network:
    network = model.network(*model.sizes(3, 6), "float32")
    network.load_state_dict(problem.network.state_dict())
    return network


def _rounded(arrays: Arrays) -> Arrays:
    return {name: value.astype(np.float32) for name, value in arrays.items()}


def _widened(arrays: Arrays) -> Arrays:
    return {name: value.astype(np.float64) for name, value in arrays.items()}


CHECKS: tuple[Check[Model], ...] = (float32, extremes, nan)
