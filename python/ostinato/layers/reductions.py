"""Reductions over time as layers: one value for each row of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ostinato.layers.any_width import AnyWidth
from ostinato.network.graph import Graph, Node, Scope
from ostinato.network.network import Network

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


class Reduction(AnyWidth):
    """A layer that makes one value of each row: (N, T, F) -> (N, F), zeros for a row of length 0.

    It takes any width, so it runs inside a Sequential or a Graph, not alone.
    """

    reduction: ClassVar[str]
    _shape = "(N, T, F) -> (N, F)"

    def __init__(self) -> None:
        self._prepare()

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        return graph.reduce(self.reduction, x)

    def _record(self, programs: Programs) -> dict[str, Any]:
        return {"kind": self.kind}

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Network:
        record.done()
        return cls()


class Last(Reduction):
    """The last valid step of each row. Of a bidirectional layer the end of each direction."""

    kind = "last"
    examples = ({},)
    reduction = "last"


class First(Reduction):
    """The first valid step of each row."""

    kind = "first"
    examples = ({},)
    reduction = "first"


class Mean(Reduction):
    """The mean over the valid steps of each row."""

    kind = "mean"
    examples = ({},)
    reduction = "mean"


class Max(Reduction):
    """The largest of the valid steps of each row, for each feature.

    The gradient goes to the first of equal steps.
    """

    kind = "max"
    examples = ({},)
    reduction = "max"


class Sum(Reduction):
    """The sum over the valid steps of each row."""

    kind = "sum"
    examples = ({},)
    reduction = "sum"
