"""Rows are independent of each other and of padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ostinato.testing.arrays import Array, Arrays
from ostinato.testing.networks.model import Model
from ostinato.testing.problem import Problem, row_axis
from ostinato.testing.runner import Check, Failed, check


@check("batch_company")
def batch_company(model: Model) -> None:
    """A row is bit-identical alone, among other rows and at another position in the batch."""
    rows = model.at(7, 19, 19)
    for dtype in ("float32", "float64"):
        # A penalty is a mean over the steps of all rows.
        problem = replace(model.problem(rows, 6, 5, 9, dtype, ragged=True), d_penalty=0.0)
        if model.draws:
            # Noise depends on the place in the batch: other rows may follow, but not precede.
            groups = [list(range(count)) for count in (1, 2, rows - 1)]
        else:
            order = np.random.default_rng(0).permutation(rows).tolist()
            groups = [*([n] for n in range(rows)), order, list(range(rows // 2))]
        whole = problem.results()
        for group in groups:
            places = ", ".join(map(str, group))
            model.alike(
                of_rows(whole, group),
                of_rows(problem.rows(group).results()),
                f"{dtype}: rows {places} by themselves: {{}} differs from the batch of {rows}",
            )


@check("padding")
def padding(model: Model) -> None:
    """NaN in the padding changes no bit; outputs and gradients there are 0, and states are kept."""
    problem = model.problem(6, 6, 4, 5, ragged=True)
    lengths = problem.lengths
    assert lengths is not None
    clean = problem.results()
    dirty = replace(problem, x=problem.x.copy(), d_outputs=problem.d_outputs.copy())
    for n, length in enumerate(lengths):
        dirty.x[n, length:] = np.nan
        dirty.d_outputs[n, length:] = np.nan
        for name in ("outputs", "inputs"):
            if clean[name][n, length:].any():
                raise Failed(f"{name}[{n}] is not 0 from step {length} on, where the row ends")
    model.alike(clean, dirty.results(), "NaN in the padding reaches {}")
    clean = replace(problem, d_penalty=0.0).results()  # A penalty is a mean over the steps of all rows.
    for n, length in enumerate(lengths):
        if model.draws and n:
            break  # A separate row would be row 0 and draw other noise.
        cut = replace(problem.rows([n]), d_penalty=0.0)
        cut = replace(cut, x=cut.x[:, :length], d_outputs=cut.d_outputs[:, :length], lengths=None)
        alone = of_rows(cut.results())
        held = of_rows(clean, [n])
        for name in ("outputs", "inputs"):
            held[name] = np.ascontiguousarray(held[name][:, :length])
        model.alike(held, alone, f"row {n}, {length} steps: {{}} differs from the row without padding")


@check("masks")
def masks(model: Model) -> None:
    """A row with a mask is bit-identical to the row of its valid steps; NaN at masked steps is not read."""
    problem = replace(model.problem(6, 5, 4, 5, ragged=True), d_penalty=0.0)
    rows, steps = problem.x.shape[:2]
    assert problem.lengths is not None
    clean = problem.results()
    # the valid steps of each row, moved to random places among steps that are masked
    rng, wide = np.random.default_rng(4), steps + 3
    places = [np.sort(rng.choice(wide, length, replace=False)) for length in problem.lengths]

    def spread(array: Array) -> Array:
        made = np.full((rows, wide, *array.shape[2:]), np.nan, array.dtype)
        for row, place in enumerate(places):
            made[row, place] = array[row, : len(place)]
        return made

    mask = np.zeros((rows, wide), bool)
    for row, place in enumerate(places):
        mask[row, place] = True
    masked = replace(
        problem, x=spread(problem.x), d_outputs=spread(problem.d_outputs), lengths=None, mask=mask
    ).results()
    for name in ("outputs", "inputs"):
        if masked[name][~mask].any():
            raise Failed(f"{name} is not 0 at masked steps")
        gathered = np.zeros_like(clean[name])
        for row, place in enumerate(places):
            gathered[row, : len(place)] = masked[name][row, place]
        masked[name] = gathered
    model.alike(clean, masked, "with a mask {} differs from the rows of valid steps")


def of_rows(results: Arrays, chosen: list[int] | None = None) -> Arrays:
    """The results by row, of some rows; sums over the rows are left out."""
    found = {}
    for name, value in results.items():
        axis = row_axis(name)
        if axis is not None:
            found[name] = value if chosen is None else np.ascontiguousarray(np.take(value, chosen, axis))
    return found


def cut(problem: Problem, begin: int, end: int) -> Problem:
    """The steps from `begin` to `end` of a problem without lengths."""
    return replace(problem, x=problem.x[:, begin:end], d_outputs=problem.d_outputs[:, begin:end])


CHECKS: tuple[Check[Model], ...] = (batch_company, padding, masks)
