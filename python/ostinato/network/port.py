"""`Port`: an input or an output of a network, as users see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostinato.network.graph import Node
    from ostinato.sequences.axis import Axis


@dataclass(frozen=True)
class Port:
    """What an input or an output of a network holds, in the words of `ostinato.Input`.

    axis: "time" for a sequence, "row" for one value of each row. size: features, of floats (N, T, size), or
    (N, size); None for ids. ids: the number of ids, of integers (N, T), or (N,); None for features.
    """

    axis: Axis
    size: int | None = None
    ids: int | None = None

    @classmethod
    def of(cls, node: Node) -> Port:
        """The description of a value of the graph."""
        return cls(node.axis, node.width if node.limit is None else None, node.limit)
