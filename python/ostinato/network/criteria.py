"""The parameters of a loss, which the last layer of a network holds."""

from __future__ import annotations

import math
from typing import Final

from ostinato import _core
from ostinato.errors import ConfigError, shown
from ostinato.network.arena import Array
from ostinato.network.graph import Graph, LayerOp, Node

CRITERION: Final = "criterion"
"""The name of the program of such a layer."""


def held(graph: Graph, arena: Array, output: Node, loss: _core.Program) -> list[tuple[int, Array]]:
    """The parameters of a loss of this output, in the order of its program: offset and values of each.

    Raises ConfigError if the output is not that of a layer that holds them.
    """
    if not loss.params:
        return []
    made = graph.operations[output.index]
    if isinstance(made, LayerOp) and made.unit.program.name == CRITERION:
        params = made.unit.program.params
        if params != loss.params:
            raise ConfigError(
                f"loss {shown(loss.name)} has the parameters {_shown(loss)}; the Criterion of this network "
                f"holds {_shown(made.unit.program)}, of another loss or of other options"
            )
        sizes = [math.prod(shape) for _, shape in params]
        return [(at, arena[at : at + count]) for at, count in zip(made.offsets, sizes, strict=True)]
    raise ConfigError(
        f"loss {shown(loss.name)} has the parameters {_shown(loss)}, which a layer holds; end the network "
        f"with ost.Criterion({shown(loss.name)}, {output.width})"
    )


def _shown(program: _core.Program) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in program.params)
