"""Networks with data for the tests of ways through time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

import ostinato as ost
from tests.unusual.cells import ROWS, make

# Cells in which the value of a scanned state before its step is a result.
PASTS = {row[0]: make(*row) for row in ROWS if row[0] in ("scan_and_its_past", "past_of_a_scan")}

NETWORKS: dict[str, Callable[[str], ost.Network]] = {
    "rnn": lambda dtype: ost.RNN(3, 5, dtype=dtype),
    "lstm": lambda dtype: ost.LSTM(3, 5, dtype=dtype),
    "lstm, peepholes, projected": lambda dtype: ost.LSTM(3, 5, peepholes=True, proj_size=2, dtype=dtype),
    "gru": lambda dtype: ost.GRU(3, 5, dtype=dtype),
    "gru, reset before": lambda dtype: ost.GRU(3, 5, reset="before", dtype=dtype),
    "rnn, 2 layers, residual": lambda dtype: ost.Recurrent("rnn", 5, 5, 2, residual=True, dtype=dtype),
    "lstm, 2 layers": lambda dtype: ost.LSTM(3, 5, 2, dtype=dtype),
    "gru, 3 layers": lambda dtype: ost.GRU(3, 5, 3, dtype=dtype),
    "min_gru": lambda dtype: ost.MinGRU(3, 5, dtype=dtype),
    "diagonal_ssm, 2 layers": lambda dtype: ost.DiagonalSSM(3, 5, 2, dtype=dtype),
    "embedding, lstm, gru, dense": lambda dtype: ost.Sequential(
        ost.Embedding(7, 4, dtype=dtype),
        ost.LSTM(4, 6, dtype=dtype),
        ost.GRU(6, 5, dtype=dtype),
        ost.Dense(5, 7, dtype=dtype),
    ),
    "dense": lambda dtype: ost.Dense(3, 5, dtype=dtype),
}
for name, cell in PASTS.items():
    NETWORKS[name] = lambda dtype, cell=cell: ost.Recurrent(cell, 3, 4, dtype=dtype)
if find_spec("ostinato_cells"):
    for cell in ("ligru", "layer_norm_lstm", "mgu", "coupled_lstm"):
        NETWORKS[f"{cell} of the plugin"] = lambda dtype, cell=cell: ost.Recurrent(
            f"cells/{cell}", 3, 5, dtype=dtype
        )
    # states that are matrices, of which training stores those at the start of each block of time
    NETWORKS["mlstm, delta_net, lstm"] = lambda dtype: ost.Sequential(
        ost.Recurrent("cells/mlstm", 3, 4, dtype=dtype),
        ost.Recurrent("cells/delta_net", 4, 3, dtype=dtype),
        ost.LSTM(3, 5, dtype=dtype),
    )

# Networks with layers that read the sequence from its end.
BOTH_WAYS: dict[str, Callable[[str], ost.Network]] = {
    "rnn, both ways": lambda dtype: ost.RNN(3, 5, bidirectional=True, dtype=dtype),
    "lstm, both ways, 2 layers": lambda dtype: ost.LSTM(3, 5, 2, bidirectional=True, dtype=dtype),
    "gru below, gru both ways, lstm": lambda dtype: ost.Sequential(
        ost.GRU(3, 5, dtype=dtype),
        ost.GRU(5, 4, bidirectional=True, dtype=dtype),
        ost.LSTM(8, 3, dtype=dtype),
    ),
}
if find_spec("ostinato_cells"):
    BOTH_WAYS["mlstm, both ways"] = lambda dtype: ost.Recurrent(
        "cells/mlstm", 3, 4, bidirectional=True, dtype=dtype
    )
for name, cell in PASTS.items():
    BOTH_WAYS[f"{name}, both ways"] = lambda dtype, cell=cell: ost.Recurrent(
        cell, 3, 4, bidirectional=True, dtype=dtype
    )


@dataclass(frozen=True)
class Problem:
    net: ost.Network
    x: np.ndarray
    targets: np.ndarray
    lengths: np.ndarray | None
    state: dict[str, np.ndarray]
    weights: np.ndarray

    def grad(self, through_time: Any = None, **other: Any) -> tuple[float, ost.Gradients]:
        arguments: dict[str, Any] = {
            "loss": "cross_entropy" if self.targets.ndim == 2 else "mse",
            "lengths": self.lengths,
            "state": self.state,
            "weights": self.weights,
            "reduction": "sum",
        }
        arguments.update(other)
        x, targets = arguments.pop("x", self.x), arguments.pop("targets", self.targets)
        return self.net.value_and_grad(x, targets, through_time=through_time, **arguments)


def problem(
    name: str, rows: int = 5, steps: int = 13, dtype: str = "float64", ragged: bool = True
) -> Problem:
    """Random parameters too: initial zeros would hide mistakes. Ragged lengths hold 0 and `steps`."""
    rng = np.random.default_rng(11)
    net = (NETWORKS | BOTH_WAYS)[name](dtype)
    for view in net.parameters().values():
        view[...] = rng.normal(scale=0.5, size=view.shape)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(dtype)

    lengths = None
    if ragged:
        lengths = rng.integers(0, steps + 1, size=rows)
        lengths[:2] = 0, steps
    ids = net.takes_ids
    return Problem(
        net,
        rng.integers(0, 7, size=(rows, steps)) if ids else normal(rows, steps, net.input_size),
        rng.integers(0, 7, size=(rows, steps)) if ids else normal(rows, steps, net.output_size),
        lengths,
        {key: normal(layers, rows, *size) / 2 for key, (layers, *size) in net.state_shapes.items()},
        rng.uniform(0.5, 1.5, size=(rows, steps)).astype(dtype),
    )


def parts(result: tuple[float, ost.Gradients]) -> dict[str, np.ndarray]:
    """Everything that value_and_grad returns, by name."""
    loss, grads = result
    named = {"loss": np.float64(loss), "arena": grads.arena}
    if grads.inputs is not None:
        named["inputs"] = grads.inputs
    named |= {f"initial_state.{name}": value for name, value in grads.initial_state.items()}
    named |= {f"final_state.{name}": value for name, value in grads.final_state.items()}
    return named


def differing(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> list[str]:
    """Names of what has other bits."""
    assert first.keys() == second.keys()
    return [name for name in first if first[name].tobytes() != second[name].tobytes()]
