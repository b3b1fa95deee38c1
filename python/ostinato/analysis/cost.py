"""`cost`: parameters, FLOPs and memory of a training step, with the textbook's formulas beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato import checks
from ostinato.analysis.drawing import axes
from ostinato.analysis.system import System
from ostinato.cells.gates import GRU_GATES, LSTM_GATES
from ostinato.network.batch import Array

# Gates, G in the count G * (n_h + n_x + 1) * n_h.
TEXTBOOK: Final = {"rnn": 1, "lstm": len(LSTM_GATES), "gru": len(GRU_GATES)}


@dataclass(frozen=True)
class LayerCost:
    """One layer of the network, in the order of its plans."""

    name: str
    parameters: int
    textbook_parameters: int | None
    """G (n_h + n_x + 1) n_h for rnn, lstm and gru (G = 1, 4, 3), None for others. Ours have a second bias, as
    PyTorch's have, which adds G n_h."""
    forward_flops: int
    """In matrix products, per row and step; a multiplication and an addition are two."""
    backward_flops: int
    kept_bytes: int
    """Per row and step, kept for the way back."""
    textbook_bytes: int
    """Per row and step: the hidden state alone, as in O(T n_h)."""


@dataclass(frozen=True)
class Cost:
    """What one training step over `rows` sequences of `steps` steps costs, by the plan; nothing is run."""

    rows: int
    steps: int
    layers: tuple[LayerCost, ...]
    times: Array
    """Some sequence lengths from 1 to `steps`, (M,)."""
    memory: Array
    """Bytes kept for full BPTT at each of `times`, (M,)."""
    textbook_memory: Array
    """T n_h of all layers and rows in bytes at each of `times`, (M,)."""

    @property
    def parameters(self) -> int:
        """Of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def forward_flops(self) -> int:
        """In matrix products, over all rows and steps."""
        return self.rows * self.steps * sum(layer.forward_flops for layer in self.layers)

    @property
    def backward_flops(self) -> int:
        """In matrix products, over all rows and steps."""
        return self.rows * self.steps * sum(layer.backward_flops for layer in self.layers)

    @property
    def memory_bytes(self) -> int:
        """Kept for full BPTT over all steps, beside inputs, parameters and what does not grow with T."""
        return int(self.memory[-1])

    def __str__(self) -> str:
        lines = [f"{self.parameters:,} parameters; at {self.rows} rows x {self.steps} steps:"]
        lines.append(f"  forward {self.forward_flops:,} FLOPs, backward {self.backward_flops:,} FLOPs")
        lines.append(f"  {self.memory_bytes:,} bytes kept for the way back")
        for layer in self.layers:
            book = "" if layer.textbook_parameters is None else f" (textbook {layer.textbook_parameters:,})"
            lines.append(f"  {layer.name}: {layer.parameters:,} parameters{book}")
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Memory against T; returns the axes."""
        ax = axes(ax, xlabel="steps T", ylabel="MB", title=f"Memory of full BPTT, {self.rows} rows")
        ax.plot(self.times, self.memory / 1e6, label="kept by the plan")
        ax.plot(self.times, self.textbook_memory / 1e6, "--", label="T x hidden state, O(T n_h)")
        ax.legend()
        return ax


def cost(net: Any, rows: int = 32, steps: int = 100) -> Cost:
    """Parameters, FLOPs in matrix products and memory of full BPTT, from the plans of a network.

    The counts are those of the network's own dtype. Raises DTypeError, ConfigError. Source of the formulas:
    Hochreiter and Schmidhuber 1997 and Cho et al. 2014 with one bias per gate; Werbos 1990 for O(T n_h).
    """
    system = System.of(net, needs_state=False)
    rows = checks.whole("cost", "rows", rows, at_least=1)
    steps = checks.whole("cost", "steps", steps, at_least=1)
    item = system.net.dtype.itemsize
    layers = []
    for (label, unit), plan in zip(system.net._graph.units, system.net.plans(), strict=True):
        program = unit.program
        gates = TEXTBOOK.get(program.name)
        inputs, hidden = program.sizes.get("input", 0), program.sizes.get("hidden", 0)
        state = sum(int(np.prod(shape)) for name, shape in program.states[:1])
        layers.append(
            LayerCost(
                name=label,
                parameters=sum(int(np.prod(shape)) for _, shape in program.params),
                textbook_parameters=None if gates is None else gates * (hidden + inputs + 1) * hidden,
                forward_flops=plan["forward"]["flops"],
                backward_flops=plan["backward"]["flops"],
                kept_bytes=plan["forward"]["kept_width"] * item,
                textbook_bytes=state * item,
            )
        )
    times = np.unique(np.linspace(1, steps, min(steps, 50)).round().astype(int))
    return Cost(
        rows,
        steps,
        tuple(layers),
        times,
        times * rows * sum(layer.kept_bytes for layer in layers),
        times * rows * sum(layer.textbook_bytes for layer in layers),
    )
