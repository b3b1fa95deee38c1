"""Memory safety: the caller's memory is unchanged, and results are fully written."""

from __future__ import annotations

import numpy as np

from ostinato.testing.arrays import Array, copies, same
from ostinato.testing.networks.model import Model
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Check, Failed, check

# The value in guard bands: no result has it by chance.
BAND = -7.0e33
WIDTH = 64


@check("inputs_unchanged")
def inputs_unchanged(model: Model) -> None:
    """No argument is written to: inputs, states, gradients, parameters."""
    problem = model.problem(4, 5, 3, 5, ragged=True)
    targets = np.ones_like(problem.d_outputs)
    given = {**problem.given(), "targets": targets, "d_outputs": problem.d_outputs}
    given |= {f"d_final_state.{name}": value for name, value in problem.d_final_state.items()}
    if problem.lengths is not None:
        given["lengths"] = problem.lengths
    before = copies(given)
    problem.results()
    problem.network.value_and_grad(
        problem.x, targets, loss="mse", lengths=problem.lengths, state=problem.state, seed=problem.seed
    )
    same(before, given, "{} is written to; a step returns new values")


@check("outputs_written")
def outputs_written(model: Model) -> None:
    """Results do not depend on old content of their memory: it is filled with NaN, then with 7e77."""
    problem = model.problem(7, 9, 3, 5, ragged=True)
    clean = problem.results()
    for poison in (np.nan, 7e77):
        for value in clean.values():
            # Freed directly: the allocator reuses these bytes for arrays of the same size.
            used = [np.full(value.shape, poison) for _ in range(4)]
            del used
        same(clean, problem.results(), "{} is not wholly written: it holds what was in memory before")
    bad = [name for name, value in clean.items() if not np.isfinite(value).all()]
    if bad:
        raise Failed(f"{', '.join(bad)} is not finite, for finite inputs")


@check("guard_bands")
def guard_bands(model: Model) -> None:
    """Nothing outside an array is read or written: before it, after it, between two parameters."""
    problem = model.problem(3, 5, 3, 5)
    arena = problem.network.arena
    clean = problem.results()
    parameters = copies(problem.network.parameters())
    arena[...] = np.nan
    for name, view in problem.network.parameters().items():
        view[...] = parameters[name]
    gaps = np.isnan(arena)
    bands: list[Array] = []
    guarded = Problem(
        problem.network,
        _banded(problem.x, bands),
        None,
        {name: _banded(value, bands) for name, value in problem.state.items()},
        _banded(problem.d_outputs, bands),
        {name: _banded(value, bands) for name, value in problem.d_final_state.items()},
    )
    same(clean, guarded.results(), "{} depends on memory outside the given arrays")
    if not np.isnan(arena[gaps]).all() or any((one != BAND).any() for band in bands for one in _ends(band)):
        raise Failed("memory outside the given arrays is written to")
    run = guarded.run()
    if guarded.back(run, guarded.d_outputs).arena[gaps].any():
        raise Failed("the gradient arena is not 0 between two parameters")


def _banded(array: Array, bands: list[Array]) -> Array:
    band = np.full(array.size + 2 * WIDTH, BAND, array.dtype)
    bands.append(band)
    inside = band[WIDTH:-WIDTH].reshape(array.shape)
    inside[...] = array
    return inside


def _ends(band: Array) -> tuple[Array, Array]:
    return band[:WIDTH], band[-WIDTH:]


CHECKS: tuple[Check[Model], ...] = (inputs_unchanged, outputs_written, guard_bands)
