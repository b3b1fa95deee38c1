"""`cost`: parameters, FLOPs and memory of a training step, compared with textbook formulas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato import checks
from ostinato.analysis.drawing import axes
from ostinato.analysis.parts import axes_of
from ostinato.analysis.system import System
from ostinato.cells.gates import GRU_GATES, LSTM_GATES
from ostinato.network.graph import LayerOp
from ostinato.network.network import Network
from ostinato.network.through_time import CheckpointedBPTT
from ostinato.sequences.arrays import Array
from ostinato.sequences.axis import Axis

# Gates, G in the count G * (n_h + n_x + 1) * n_h.
TEXTBOOK: Final = {"rnn": 1, "lstm": len(LSTM_GATES), "gru": len(GRU_GATES)}


@dataclass(frozen=True)
class LayerCost:
    """One layer of the network, in the order of its plans; what a layer computes once per row follows it."""

    name: str
    parameters: int
    """0 if the layer shares the parameters of one before it."""
    textbook_parameters: int | None
    """G (n_h + n_x + 1) n_h for rnn, lstm and gru (G = 1, 4, 3), None for others. Layers here, as in
    PyTorch, have a second bias, which adds G n_h.
    """
    forward_flops: int
    """In matrix products, per row and step; a multiplication and an addition are two."""
    backward_flops: int
    kept_bytes: int
    """Per row and step, stored for the backward pass."""
    textbook_bytes: int
    """Per row and step: the hidden state alone, as in O(T n_h)."""
    axis: Axis = "time"
    """Of a layer on the axis "row", all numbers are per row."""

    def runs(self, rows: int, steps: int) -> int:
        """How often its step runs."""
        return rows * (1 if self.axis == "row" else steps)


@dataclass(frozen=True, eq=False)
class Cost:
    """The cost of one training step over `rows` sequences of `steps` steps, from the plan; nothing is run."""

    rows: int
    steps: int
    layers: tuple[LayerCost, ...]
    times: Array
    """Some sequence lengths from 1 to `steps`, (M,)."""
    memory: Array
    """Bytes stored for full BPTT at each of `times`, (M,)."""
    textbook_memory: Array
    """T n_h of all layers and rows in bytes at each of `times`, (M,)."""
    window: int
    """k of TruncatedBPTT(k, k)."""
    truncated_memory: Array | None
    """Bytes stored for truncated BPTT at each of `times`, (M,): those of one window. None for a network with
    values of rows or with several axes.
    """
    textbook_truncated_memory: Array
    """k n_h in bytes, and T n_h where T < k, (M,)."""
    checkpointed_memory: Array | None
    """Bytes stored for CheckpointedBPTT("sqrt") at each of `times`, (M,): what full BPTT stores for one
    segment, and the states between segments. None for a network that runs layer by layer and stores more:
    with a layer that reads from the end, with values of rows, or with several axes.
    """
    textbook_checkpointed_memory: Array
    """2 sqrt(T) n_h in bytes, (M,): sqrt(T) states, and as many steps of one segment."""

    @property
    def parameters(self) -> int:
        """All layers together."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def forward_flops(self) -> int:
        """In matrix products, over all rows and steps."""
        return sum(layer.runs(self.rows, self.steps) * layer.forward_flops for layer in self.layers)

    @property
    def backward_flops(self) -> int:
        """In matrix products, over all rows and steps."""
        return sum(layer.runs(self.rows, self.steps) * layer.backward_flops for layer in self.layers)

    @property
    def memory_bytes(self) -> int:
        """Stored for full BPTT over all steps, except inputs, parameters and what does not grow with T."""
        return int(self.memory[-1])

    def __str__(self) -> str:
        lines = [f"{self.parameters:,} parameters; at {self.rows} rows x {self.steps} steps:"]
        lines.append(f"  forward {self.forward_flops:,} FLOPs, backward {self.backward_flops:,} FLOPs")
        lines.append(f"  {self.memory_bytes:,} bytes kept for the backward pass")
        for layer in self.layers:
            book = "" if layer.textbook_parameters is None else f" (textbook {layer.textbook_parameters:,})"
            lines.append(f"  {layer.name}: {layer.parameters:,} parameters{book}")
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Memory of each BPTT mode against T, textbook formulas dashed; returns the axes."""
        ax = axes(ax, xlabel="steps T", ylabel="MB", title=f"Memory for the backward pass, {self.rows} rows")
        for name, formula, kept, book in (
            ("full", "O(T n_h)", self.memory, self.textbook_memory),
            (
                f"truncated, k = {self.window}",
                "O(k n_h)",
                self.truncated_memory,
                self.textbook_truncated_memory,
            ),
            (
                "checkpointed, sqrt",
                "O(sqrt(T) n_h)",
                self.checkpointed_memory,
                self.textbook_checkpointed_memory,
            ),
        ):
            if kept is not None:
                (line,) = ax.plot(self.times, kept / 1e6, label=name)
                ax.plot(self.times, book / 1e6, "--", color=line.get_color(), label=formula)
        ax.set_yscale("log")
        ax.legend(fontsize=7)
        return ax


def cost(net: Any, rows: int = 32, steps: int = 100, window: int | None = None) -> Cost:
    """Parameters, FLOPs in matrix products and memory of the BPTT modes, from the plans of a network.

    Each axis of sequences has `steps` steps.
    window: k of TruncatedBPTT(k, k), a tenth of the steps if None. The counts are for the network's own
    dtype. Raises DTypeError, ConfigError. Source of the formulas: Hochreiter and Schmidhuber 1997 and Cho et
    al. 2014 with one bias per gate; Werbos 1990 for O(T n_h); Williams and Peng 1990 for O(k n_h); Chen et
    al. 2016 for O(sqrt(T) n_h).
    """
    system = System.of(net, needs_state=False)
    rows = checks.count("cost", "rows", rows, at_least=1)
    steps = checks.count("cost", "steps", steps, at_least=1)
    window = checks.count("cost", "window", max(1, steps // 10) if window is None else window, at_least=1)
    item = system.net.dtype.itemsize
    layers = []
    graph = system.net._graph
    axes_of_nodes = axes_of(graph)
    seen: set[int] = set()
    operations = [(at, one) for at, one in enumerate(graph.operations) if isinstance(one, LayerOp)]
    for (at, operation), plan in zip(operations, system.net.plans(), strict=True):
        program = operation.unit.program
        own = [
            shape
            for (_, shape), offset in zip(program.params, operation.offsets, strict=True)
            if offset not in seen
        ]
        seen |= set(operation.offsets)
        gates = TEXTBOOK.get(program.name)
        inputs, hidden = program.sizes.get("input", 0), program.sizes.get("hidden", 0)
        state = sum(int(np.prod(shape)) for name, shape in program.states[:1])
        layers.append(
            LayerCost(
                name=operation.label,
                parameters=sum(int(np.prod(shape)) for shape in own),
                textbook_parameters=None if gates is None else gates * (hidden + inputs + 1) * hidden,
                forward_flops=plan["forward"]["flops"],
                backward_flops=plan["backward"]["flops"],
                kept_bytes=plan["forward"]["kept_width"] * item,
                textbook_bytes=state * item,
                axis=axes_of_nodes[at],
            )
        )
        for memory, per_entry in plan.get("once_per_entry", {}).items():
            layers.append(_part(f"{operation.label}, once per entry of {memory!r}", per_entry, item, memory))
        if per_row := plan.get("once_per_row"):
            layers.append(_part(f"{operation.label}, once per row", per_row, item, "row"))
    times = np.unique(np.linspace(1, steps, min(steps, 50)).round().astype(int))
    along = [layer for layer in layers if layer.axis != "row"]
    kept, book = (
        rows * sum(getattr(layer, of) for layer in along) for of in ("kept_bytes", "textbook_bytes")
    )
    once = rows * sum(layer.kept_bytes for layer in layers if layer.axis == "row")
    reads_memories = any(operation.memories for _, operation in operations)
    one_axis = len(set(axes_of_nodes)) == 1 and "row" not in axes_of_nodes
    cuttable = one_axis and not reads_memories
    return Cost(
        rows,
        steps,
        tuple(layers),
        times,
        times * kept + once,
        times * book,
        window,
        np.minimum(times, window) * kept if cuttable else None,
        np.minimum(times, window) * book,
        _checkpointed(system.net, rows, times, kept) if cuttable else None,
        2 * np.sqrt(times) * book,
    )


def _part(name: str, plan: Mapping[str, Any], item: int, axis: str) -> LayerCost:
    """The cost of what a layer computes once for each row or entry; its parameters count with the layer."""
    return LayerCost(
        name=name,
        parameters=0,
        textbook_parameters=None,
        forward_flops=plan["forward"]["flops"],
        backward_flops=plan["backward"]["flops"],
        kept_bytes=plan["forward"]["kept_width"] * item,
        textbook_bytes=0,
        axis=axis,
    )


def _checkpointed(net: Network, rows: int, times: Array, kept: int) -> Array | None:
    """Bytes of a segment and of the states between segments of CheckpointedBPTT("sqrt"), for `times`."""
    if any("reverse" in label for label, _ in net._graph.units):
        return None
    plans = [CheckpointedBPTT("sqrt").plan(net, rows, int(steps)) for steps in times]
    states = rows * net.dtype.itemsize * sum(math.prod(slot.shape) for slot in net._graph.slots)
    return np.array([kept * min(plan.steps, max(plan.segments)) + states * plan.states for plan in plans])
