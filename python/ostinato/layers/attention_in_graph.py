"""Attention as a part of a graph: one query for each row, and a memory along time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ostinato import ops
from ostinato.cell import Cell, State
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers import functions
from ostinato.layers.attend import attend
from ostinato.layers.recurrent import Recurrent
from ostinato.network.symbol import Symbol, apply
from ostinato.sequences.axis import ROW

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


class Position(Cell):
    """The number of the step, from 0; its only state counts."""

    def state(self, size: Any) -> dict[str, State]:
        """The steps before this one."""
        return {"count": State(1)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return the count, and one more for the next step."""
        return state.count, {"count": state.count + 1.0}


def attended(
    owner: str,
    scores: Recurrent,
    sizes: tuple[int, int],
    places: AbstractSet[str],
    query: Symbol,
    memory: Symbol,
) -> Symbol:
    """The context of one query for each row, (N, Q), in a memory (N, T, M).

    scores: the layer that scores [query, entry, position, length], shared by all calls; sizes: Q and M;
    places: the names of "position" and "length" that the scorer reads.

    Raises ShapeError for symbols of other widths or axes, ConfigError for a scorer that reads past weights.
    """
    if "past" in places:
        raise ConfigError(
            f"{owner}: its scorer reads the weights of the query before, and in a graph there is one query "
            "for each row; expected a scorer without a past"
        )
    for name, one, width in (("query", query, sizes[0]), ("memory", memory, sizes[1])):
        if one.limit is not None or one.width != width:
            raise ShapeError(f"{owner}: {name} is {shown(one)}; expected {width} features")
    if memory.axis == ROW:
        raise ShapeError(f"{owner}: memory is {shown(memory)}; expected a sequence (N, T, {sizes[1]})")
    position = length = apply(_zero, memory)
    if "position" in places:
        position = Recurrent(Position, memory.width, 1, dtype=scores.dtype)(memory)
    if "length" in places:
        length = functions.repeat(functions.sum(apply(_one, memory)), memory)
    x = functions.concat(functions.repeat(query, memory), memory, position, length)
    return attend(scores(x), memory)


def _one(x: Any) -> Any:
    """1 at every step, whatever x holds."""
    return ops.where(x[:1] > 0.0, 1.0, 1.0)


def _zero(x: Any) -> Any:
    """0 at every step, whatever x holds."""
    return ops.where(x[:1] > 0.0, 0.0, 0.0)
