"""Rows are independent of each other and of padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ostinato.testing.arrays import Arrays
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


CHECKS: tuple[Check[Model], ...] = (batch_company, padding)
