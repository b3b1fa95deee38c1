"""`spectral`: spectral radius and norm of the recurrent weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato import _core
from ostinato.analysis.drawing import axes
from ostinato.analysis.system import System
from ostinato.interruptible import interruptible
from ostinato.layers.recurrent import GATES
from ostinato.network import Network
from ostinato.network.graph import LayerOp
from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class SpectralBlock:
    """One recurrent matrix: a parameter, or its rows for one gate."""

    name: str
    """`weight_hh_l0`, or `weight_hh_l0[f]` for the gate f."""
    eigenvalues: Array
    """Complex, by decreasing modulus, (H,); empty if the matrix is not square."""
    norm: float
    """2-norm: the greatest singular value."""

    @property
    def radius(self) -> float:
        """The greatest modulus of the eigenvalues; NaN if the matrix is not square."""
        return float(np.abs(self.eigenvalues[0])) if self.eigenvalues.size else float("nan")


@dataclass(frozen=True, eq=False)
class Spectral:
    """All recurrent blocks by name.

    In a plain RNN, a radius below 1 (times the greatest slope of the nonlinearity) makes gradients vanish,
    and exploding gradients require a norm above 1. In a gated cell, the blocks alone do not decide this: see
    `jacobians`.
    """

    blocks: dict[str, SpectralBlock]

    def plot(self, ax: Any = None) -> Any:
        """Eigenvalues in the complex plane; returns the axes."""
        ax = axes(ax, xlabel="real", ylabel="imaginary", title="Recurrent weights", aspect="equal")
        turn = np.linspace(0, 2 * np.pi, 200)
        ax.plot(np.cos(turn), np.sin(turn), color="0.4", linewidth=0.8, linestyle="--")
        for block in self.blocks.values():
            if block.eigenvalues.size:
                label = f"{block.name}: radius {block.radius:.3g}, norm {block.norm:.3g}"
                ax.plot(block.eigenvalues.real, block.eigenvalues.imag, ".", markersize=4, label=label)
        # The legend is outside the plot, which would otherwise be too narrow.
        ax.set_adjustable("datalim")
        ax.legend(fontsize="x-small")
        return ax


def spectral(net: Any) -> Spectral:
    """Spectral radius and 2-norm of each weight that multiplies a value which depends on the state.

    A weight (G H, H) is divided into its G square blocks, with gate names for an LSTM or a GRU and numbers
    for other cells. A vector that multiplies a state, as in IndRNN, is a diagonal matrix. The weights are
    found in the programs, so it works for any cell. Raises DTypeError, ConfigError.
    """
    system = System.of(net)
    blocks: dict[str, SpectralBlock] = {}
    for name, cell, weight in _recurrent(system.net):
        for label, matrix in _squares(name, cell, np.asarray(weight, np.float64)):
            square = matrix.shape[0] == matrix.shape[1]
            values = (
                interruptible(np.linalg.eigvals, matrix).astype(complex) if square else np.zeros(0, complex)
            )
            values = values[np.argsort(-np.abs(values), kind="stable")]
            blocks[label] = SpectralBlock(label, values, float(interruptible(np.linalg.norm, matrix, 2)))
    return Spectral(blocks)


def _recurrent(net: Network) -> Iterator[tuple[str, str, Array]]:
    """Full name, program's name and value of each recurrent parameter."""
    values = net.parameters()
    names = {one.offset: name for name, one in net._graph.parameters.items()}
    seen: set[int] = set()  # a layer that is called twice has its parameters once
    for operation in net._graph.operations:
        if not isinstance(operation, LayerOp):
            continue
        program = operation.unit.program
        found = _multiplies_state(program)
        for (name, _), offset in zip(program.params, operation.offsets, strict=True):
            if name in found and offset not in seen:
                seen.add(offset)
                yield names[offset], program.name, values[names[offset]]


def _multiplies_state(program: _core.Program) -> set[str]:
    """Names of the parameters that multiply a state in a matrix product, or scale it."""
    nodes = json.loads(program.to_json())["nodes"]
    depends: list[bool] = []
    params: list[set[str]] = []
    found: set[str] = set()
    for node in nodes:
        args, op = node.get("args", []), node["op"]
        depends.append(op == "state" or any(depends[arg] for arg in args))
        params.append({node["name"]} if op == "param" else set().union(*(params[arg] for arg in args)))
        if op == "matmul" and depends[args[1]]:
            found |= params[args[0]]
        if op == "mul":
            for one, other in (args, args[::-1]):
                if nodes[one]["op"] == "param" and nodes[other]["op"] == "state":
                    found |= params[one]
    return found


def _squares(name: str, cell: str, weight: Array) -> Iterator[tuple[str, Array]]:
    if weight.ndim == 1:
        yield name, np.diag(weight)
        return
    rows, columns = weight.shape
    gates = rows // columns if rows % columns == 0 else 1
    known = GATES.get(cell, ())
    for gate in range(gates):
        label = known[gate] if len(known) == gates else str(gate)
        part = weight[gate * rows // gates : (gate + 1) * rows // gates]
        yield name if gates == 1 else f"{name}[{label}]", part
