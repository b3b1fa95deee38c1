"""`Embedding`: a row of a table for each id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ostinato import checks, ops
from ostinato.cell import Param
from ostinato.dims import named
from ostinato.network.arena import Array
from ostinato.network.check import dtype_name, ids, size
from ostinato.network.graph import Graph, Node, Scope, Unit
from ostinato.network.network import Network, draw_all
from ostinato.trace import trace_step

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


def lookup(id: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
    """The step of `Embedding`: row `id` of the table."""
    return ops.lookup(p.weight, id), {}


class Embedding(Network):
    """A learned vector for each id: integer ids (N, T) in 0..num_embeddings-1 -> (N, T, embedding_dim).

    Parameter `weight` (num_embeddings, embedding_dim), normal with deviation 1, as torch.nn.Embedding has
    it. Rows are gathered, and gradients scattered; no one-hot vectors are made. Raises ConfigError for a
    bad argument.
    """

    kind = "embedding"
    examples = ({"num_embeddings": 5, "embedding_dim": 3},)
    _fixed = ("seed",)

    def __init__(
        self, num_embeddings: int, embedding_dim: int, *, dtype: Any = "float32", seed: int = 0
    ) -> None:
        sizes = named(
            {
                "ids": ids("Embedding", "num_embeddings", num_embeddings),
                "width": size("Embedding", "embedding_dim", embedding_dim),
            }
        )
        params = {"weight": Param((sizes["ids"], sizes["width"]), init=standard_normal)}
        program = trace_step("embedding", lookup, {"id": "index"}, params, {}, sizes)
        dtype, seed = dtype_name("Embedding", dtype), checks.whole("Embedding", "seed", seed, at_least=0)
        self._fill(Unit(program, params, {}, int(sizes["width"])), dtype, seed)

    def _fill(self, unit: Unit, dtype: str, seed: int, initial: bool = True) -> None:
        self._unit, self.seed = unit, seed
        self.dtype, self.batch_first, self.takes_ids = np.dtype(dtype), None, True
        self.input_size = int(unit.params["weight"].shape[0])
        self._set_up(initial)

    def __repr__(self) -> str:
        return f"Embedding({self.input_size}, {self._unit.output_size})"

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        graph.ties.tables[id(self)] = scope.name("weight")
        return graph.layer(self._unit, x, {"weight": scope.name("weight")}, {}, scope.name("embedding"))

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        draw_all(self._graph, values, scope, self.seed if seed is None else seed)

    def _record(self, programs: Programs) -> dict[str, Any]:
        place = programs.table_place(self)
        table = {} if place is None else {"table": place}
        return {"kind": self.kind, "seed": self.seed, "step": programs.add(self._unit), **table}

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Embedding:
        seed, unit = record.whole("seed"), programs.unit(record.inner("step"), takes_ids=True)
        place = record.whole("table") if record.has("table") else None
        record.done()
        if {name: len(param.shape) for name, param in unit.params.items()} != {"weight": 2} or unit.states:
            raise record.error("a step that is not an Embedding layer's")
        self = cls.__new__(cls)
        self._fill(unit, programs.dtype, seed, initial=False)
        if place is not None:
            programs.add_table(record, place, self)
        return self


def standard_normal(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Initial values: normal, mean 0, deviation 1."""
    return rng.standard_normal(shape)
