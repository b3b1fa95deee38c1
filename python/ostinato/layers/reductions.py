"""Reductions over time as layers: one value for each row of a sequence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ostinato._core import Network as CoreNetwork
from ostinato.errors import ConfigError
from ostinato.network.arena import Array
from ostinato.network.batch import Batch
from ostinato.network.graph import Graph, Node, Scope
from ostinato.network.network import Network

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


class Reduction(Network):
    """A layer that makes one value of each row: (N, T, F) -> (N, F), zeros for a row of length 0.

    It takes any width, so it runs inside a Sequential or a Graph, not alone.
    """

    any_width = True
    reduction: ClassVar[str]

    def __init__(self) -> None:
        self.input_size, self.dtype, self.batch_first = 1, np.dtype("float32"), None
        self._set_up()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __str__(self) -> str:
        return f"{self!r}\n  (N, T, F) -> (N, F), 0 parameters"

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        return graph.reduce(self.reduction, x)

    def _core(self, input_gradient: bool = True) -> CoreNetwork:
        raise self._alone()

    def _call(
        self, call: str, x: Any, lengths: Any, state: Any, resets: Any, first_step: Any
    ) -> tuple[Any, Batch]:
        raise self._alone()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Raises ConfigError: a file holds a network that runs."""
        raise self._alone()

    def _alone(self) -> ConfigError:
        return ConfigError(
            f"{self!r} has no width of its own, so it does not run alone; put it in a Sequential, or call it "
            "with a symbol"
        )

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        """There is nothing to draw."""

    def _record(self, programs: Programs) -> dict[str, Any]:
        return {"kind": self.kind}

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Network:
        record.done()
        return cls()


class Last(Reduction):
    """The last valid step of each row. Of a bidirectional layer the end of each direction."""

    kind = "last"
    reduction = "last"


class First(Reduction):
    """The first step of each row."""

    kind = "first"
    reduction = "first"


class Mean(Reduction):
    """The mean over the valid steps of each row."""

    kind = "mean"
    reduction = "mean"


class Max(Reduction):
    """The largest of the valid steps of each row, for each feature.

    The gradient goes to the first of equal steps.
    """

    kind = "max"
    reduction = "max"


class Sum(Reduction):
    """The sum over the valid steps of each row."""

    kind = "sum"
    reduction = "sum"
