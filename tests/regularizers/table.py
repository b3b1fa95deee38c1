"""Regularizers and cells, as a table that every test goes through; a new regularizer is a line here."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

import ostinato as ost

REGULARIZERS = {
    "dropout of the input": [ost.Dropout(0.3)],
    "dropout of the output": [ost.Dropout(0.3, where="output")],
    "variational dropout": [ost.VariationalDropout(0.3, inputs=0.2)],
    "recurrent dropout": [ost.RecurrentDropout(0.3)],
    "weight drop": [ost.WeightDrop(0.4)],
    "weight drop of all": [ost.WeightDrop(0.4, weights="*")],
    "zoneout": [ost.Zoneout(0.3)],
    "skip connection": [ost.SkipConnection(0.25)],
    "layer norm": [ost.LayerNorm(0.8)],
    "activation penalty": [ost.ActivationPenalty(0.7)],
    "temporal activation penalty": [ost.TemporalActivationPenalty(1.3)],
    "L2": [ost.L2({"recurrent": 0.2, "weight*": 0.1, "bias*": 0.3})],
    "all": [
        ost.Dropout(0.2),
        ost.VariationalDropout(0.3),
        ost.WeightDrop(0.4),
        ost.Zoneout(0.2),
        ost.SkipConnection(0.1),
        ost.Dropout(0.2, where="output"),
        ost.LayerNorm(),
        ost.ActivationPenalty(0.3),
        ost.TemporalActivationPenalty(0.2),
        ost.L2(0.1),
    ],
}

# Nothing is drawn for these.
QUIET = ("skip connection", "layer norm", "activation penalty", "temporal activation penalty", "L2")

CELLS = {"rnn": {}, "lstm": {}, "gru": {}, "gru, before": {"reset": "before"}}

# `make test` installs the plugin; without it the built-in cells are still tested.
if find_spec("ostinato_cells"):
    CELLS["cells/layer_norm_lstm"] = {}

PAIRS = [(cell, regularizer) for cell in CELLS for regularizer in REGULARIZERS]
# A recurrence that runs as a scan. It multiplies no state by a matrix: what changes such states is refused.
PAIRS += [("min_gru", name) for name in ("dropout of the input", "zoneout", "skip connection")]
IDS = [f"{cell}-{regularizer}" for cell, regularizer in PAIRS]


def network(
    cell: str, regularizers: list[ost.Regularizer], inputs: int, hidden: int, **options
) -> ost.Recurrent:
    """A network of the table with random parameters: initial values would hide mistakes."""
    net = ost.Recurrent(
        cell.partition(",")[0], inputs, hidden, regularizers=regularizers, **CELLS.get(cell, {}), **options
    )
    rng = np.random.default_rng(7)
    for view in net.parameters().values():
        view[...] = rng.normal(scale=1.0 / np.sqrt(hidden), size=view.shape)
    return net


class Problem:
    """Everything that a forward and a backward pass need, with the noise held by a seed."""

    def __init__(self, net: ost.Network, rows: int, steps: int, lengths=None, seed: int = 5) -> None:
        rng = np.random.default_rng(3)

        def normal(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape).astype(net.dtype)

        self.net, self.seed, self.lengths = net, seed, lengths
        self.x = normal(rows, steps, net.input_size)
        states = {name: (layers, rows, *sizes) for name, (layers, *sizes) in net.state_shapes.items()}
        self.state = {name: normal(*shape) for name, shape in states.items()}
        self.d_outputs = normal(rows, steps, net.output_size)
        self.d_final = {name: normal(*shape) for name, shape in states.items()}
        self.d_penalty = 1.7 if any(unit.penalised for _, unit in net._graph.units) else None

    def run(self, training: bool = True, seed: int | None = None) -> ost.Run:
        seed = (self.seed if seed is None else seed) if training else None
        return self.net.run(self.x, state=self.state, lengths=self.lengths, training=training, seed=seed)

    def scalar(self) -> float:
        """The number whose derivatives `results` holds."""
        run = self.run()
        total = float((self.d_outputs * run.outputs).sum())
        total += (self.d_penalty or 0.0) * (run.penalty or 0.0)
        return total + sum(float((self.d_final[name] * one).sum()) for name, one in run.final_state.items())

    def backward(self, run: ost.Run) -> ost.Gradients:
        """The derivatives of `scalar`."""
        return run.backward(self.d_outputs, self.d_final, self.d_penalty)

    def results(self, seed: int | None = None) -> dict[str, np.ndarray]:
        """Outputs, final states and all gradients, by name."""
        run = self.run(seed=seed)
        gradients = self.backward(run)
        named = {"outputs": run.outputs, "inputs": gradients.inputs}
        if run.penalty is not None:
            named["penalty"] = np.array(run.penalty)
        named |= {f"final_state.{name}": value for name, value in run.final_state.items()}
        named |= {f"initial_state.{name}": value for name, value in gradients.initial_state.items()}
        named |= {f"params.{name}": value for name, value in gradients.params.items()}
        return named


def differing(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> list[str]:
    """Names of the arrays whose bits are not the same."""
    assert first.keys() == second.keys()
    return [name for name in first if first[name].tobytes() != second[name].tobytes()]
