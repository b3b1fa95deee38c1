"""Every cell, the plugin's too, as a problem for the same tests; a new one is a line of `cell_table`."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import ostinato as ost
from ostinato.testing.problem import Problem
from tests.cell_table import CASES


@dataclass(frozen=True)
class Row:
    """A cell by its registered name, with the options that make it this variant."""

    cell: str
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.cell, *(f"{name}={value}" for name, value in self.options.items())])


# the Jacobian of a step without a state is that of a layer
CELLS = [Row(kind, options) for kind, options, _ in CASES if kind != "crf_scores"]

# `make test` installs the plugin; without it the built-in cells are still tested.
if find_spec("ostinato_cells"):
    CELLS += [
        Row("cells/ligru"),
        Row("cells/layer_norm_lstm"),
        Row("cells/mgu"),
        Row("cells/coupled_lstm"),
    ]


def problem(row: Row, *, rows: int, steps: int, inputs: int, hidden: int) -> Problem:
    """A float64 problem with random parameters."""
    network = ost.Recurrent(row.cell, inputs, hidden, dtype="float64", **row.options)
    return Problem.random(network, rows, steps)
