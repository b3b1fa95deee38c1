"""Every cell, the plugin's too, as a problem for the same tests; a new one is a line of `cell_table`."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

import ostinato as ost
from tests.cell_table import CASES

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Row:
    """A cell by its registered name, with the options that make it this variant."""

    cell: str
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.cell, *(f"{name}={value}" for name, value in self.options.items())])


CELLS = [Row(kind, options) for kind, options, _ in CASES]

# `make test` installs the plugin; without it the built-in cells are still tested.
if find_spec("ostinato_cells"):
    CELLS += [
        Row("cells/ligru"),
        Row("cells/layer_norm_lstm"),
        Row("cells/mgu"),
        Row("cells/coupled_lstm"),
    ]


@dataclass(frozen=True)
class Problem:
    """A network of one layer with everything that a forward and a backward pass need."""

    network: ost.Network
    x: np.ndarray
    lengths: np.ndarray | None
    state: Arrays
    d_outputs: np.ndarray
    d_final_state: Arrays

    def run(self) -> ost.Run:
        return self.network.run(self.x, state=self.state, lengths=self.lengths, training=True)

    def results(self) -> Arrays:
        """Outputs, final states and all gradients, by name."""
        run = self.run()
        gradients = run.backward(self.d_outputs, self.d_final_state)
        named = {"outputs": run.outputs, "inputs": gradients.inputs}
        named |= {f"final_state.{name}": value for name, value in run.final_state.items()}
        named |= {f"initial_state.{name}": value for name, value in gradients.initial_state.items()}
        named |= {f"params.{name}": value for name, value in gradients.params.items()}
        return named

    def scalar(self) -> float:
        """The number whose derivatives `results` holds, for the output gradients of this problem."""
        run = self.run()
        total = float((self.d_outputs * run.outputs).sum())
        return total + sum(float((self.d_final_state[k] * v).sum()) for k, v in run.final_state.items())

    def alone(self, row: int) -> Problem:
        """The same network with one row of the batch."""
        return Problem(
            self.network,
            self.x[row : row + 1],
            None if self.lengths is None else self.lengths[row : row + 1],
            {name: value[:, row : row + 1] for name, value in self.state.items()},
            self.d_outputs[row : row + 1],
            {name: value[:, row : row + 1] for name, value in self.d_final_state.items()},
        )


def problem(
    row: Row, *, rows: int, steps: int, inputs: int, hidden: int, dtype: str = "float64", ragged: bool = False
) -> Problem:
    """A problem with random parameters too: initial values (zero biases, ones) would hide mistakes."""
    rng = np.random.default_rng(7)
    network = ost.Recurrent(row.cell, inputs, hidden, dtype=dtype, **row.options)
    for view in network.parameters().values():
        view[...] = rng.normal(scale=1.0 / np.sqrt(hidden), size=view.shape)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(dtype)

    states = {name: (layers, rows, *sizes) for name, (layers, *sizes) in network.state_shapes.items()}
    lengths = None
    if ragged:
        lengths = rng.integers(0, steps + 1, size=rows)
        lengths[0], lengths[-1] = 0, steps
    return Problem(
        network,
        normal(rows, steps, inputs),
        lengths,
        {name: normal(*shape) for name, shape in states.items()},
        normal(rows, steps, network.output_size),
        {name: normal(*shape) for name, shape in states.items()},
    )
