"""`memory_length`: how far back the last output still depends on the input."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato import checks
from ostinato.analysis.drawing import axes
from ostinato.analysis.system import ROWS, System, chosen
from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.layers import Embedding, Sequential
from ostinato.network import Network
from ostinato.network.graph import Node
from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class MemoryLength:
    """Influence of each step of an input on the last output, or on the output of a row."""

    influence: Array
    """Frobenius norm of dy_{T-1}/dx_t (dy/dx_t for an output of rows), root mean square over rows, (T,)."""
    by_row: Array
    """The same of each row, (N, T)."""
    threshold: float
    """The fraction of the greatest influence that counts as memory."""
    length: int
    """Steps back to the earliest input above the threshold: 0 is the last input alone."""

    @property
    def reaches_start(self) -> bool:
        """Whether x was too short to show the end of the memory: then `length` is a lower bound."""
        return self.length == len(self.influence) - 1

    def plot(self, ax: Any = None) -> Any:
        """Influence against steps back; returns the axes."""
        ax = axes(
            ax,
            xlabel="steps back, T - 1 - t",
            ylabel=r"$\Vert dy_{T-1} / dx_t \Vert$",
            yscale="log",
            title=f"Memory: {'at least ' if self.reaches_start else ''}{self.length} steps",
        )
        back = self.influence[::-1]
        ax.plot(np.where(back > 0, back, np.nan))
        level = self.threshold * float(self.influence.max())
        if level > 0:
            ax.axhline(
                level, color="0.4", linewidth=0.8, linestyle="--", label=f"{self.threshold:g} of the most"
            )
            ax.axvline(self.length, color="C3", linewidth=0.8)
            ax.legend()
        return ax


def memory_length(
    net: Any,
    x: Any,
    *,
    threshold: float = 0.01,
    state: Any = None,
    input: str | None = None,
    output: str | None = None,
) -> MemoryLength:
    """How far back the output after the last step depends on the input, to first order around x.

    x: as in `net.run`, rows of equal length. For a Sequential that starts with an Embedding, the dependence
    is on the embedded vectors. threshold: fraction of the greatest influence, in (0, 1). state: as in
    `net.run`. input, output: the names of a sequence of features and of an output, if there are several; for
    an output of rows, the dependence is that of its value.

    One backward pass with d_outputs at the last step only, in which each output is a row of the batch. Works
    for any network, including bidirectional ones. Raises DTypeError, ShapeError, ConfigError naming the
    argument.
    """
    threshold = checks.number("memory_length", "threshold", threshold, above=0.0, below=1.0)
    net, x = _vectors(net, x)
    system = System.of(net, needs_state=False)
    name, source = chosen("input", input, _sequences(system))
    to, target = system.output(output)
    if source.limit is not None:
        raise ConfigError(
            f"input {shown(name)} holds ids, which have no gradient; make the graph with an input of "
            "features, "
            "and give it the outputs of the embedding"
        )
    inputs, batch = system.read(x)
    place = list(net._ports.inputs).index(name)
    rows, count, width = batch.rows, batch.steps, target.width
    z = system.initial(state, rows)
    squares = np.zeros((rows, count))
    each = max(1, ROWS // count)
    # Pair p is output p % width of row p // width.
    for start in range(0, rows * width, each):
        pairs = np.arange(start, min(start + each, rows * width))
        row, unit = pairs // width, pairs % width
        run = system.run(z[row], inputs.take(row), training=True)
        d_outputs = np.eye(width)[unit]
        if target.axis != "row":
            d_outputs = np.zeros((len(pairs), count, width))
            d_outputs[np.arange(len(pairs)), -1, unit] = 1.0
        given = [d_outputs if one == to else None for one in net._ports.outputs]
        _, d_inputs, _ = run.backward(given, [None] * len(system.names))
        d_x = d_inputs[place]
        assert d_x is not None
        np.add.at(squares, row, np.sum(d_x**2, axis=2))
    influence = np.sqrt(np.mean(squares, axis=0))
    above = np.flatnonzero(influence >= threshold * influence.max())
    length = count - 1 - int(above[0]) if influence.max() > 0 else 0
    return MemoryLength(influence, np.sqrt(squares), threshold, length)


def _sequences(system: System) -> dict[str, Node]:
    """The inputs that are sequences; those of features if there are any."""
    found = {name: node for name, node in system.net._ports.inputs.items() if node.axis != "row"}
    return {name: node for name, node in found.items() if node.limit is None} or found


def _vectors(net: Any, x: Any) -> tuple[Any, Any]:
    """A network of features, and x for it: without the embedding, if there is one."""
    if not isinstance(net, Network) or not net.takes_ids:
        return net, x
    if isinstance(net, Sequential) and len(net) > 1 and isinstance(net[0], Embedding):
        if isinstance(x, (list, tuple)):
            raise DTypeError("x is a list; expected an array of ids")
        rest = {name: copy.copy(layer) for name, layer in list(net.layers.items())[1:]}
        return Sequential(rest), net[0].run(x).outputs
    if len(net._ports.inputs) > 1:
        return net, x
    raise ConfigError(
        "net takes ids, which have no gradient; expected a Sequential that starts with an "
        "Embedding, or a network of features"
    )
