"""`Dense`: the same affine map at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ostinato import checks, ops
from ostinato.cell import Cell, Param, State
from ostinato.dims import Dim
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers.embedding import Embedding
from ostinato.layers.regularizer_choice import choose_regularizers, read_regularizers
from ostinato.namespace import Names
from ostinato.network.arena import Array
from ostinato.network.check import dtype_name, size
from ostinato.network.graph import Graph, Node, Scope, Unit
from ostinato.network.network import Network, draw_all
from ostinato.ops import Value
from ostinato.trace import trace_cell

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record

ACTIVATIONS: Final = (
    "elu",
    "gelu",
    "identity",
    "leaky_relu",
    "log_softmax",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
)


class Affine(Cell):
    """The step of `Dense`: activation(weight @ x + bias). It has no state."""

    name = "dense"

    def __init__(self, activation: str = "identity", bias: bool = True) -> None:
        self.activation = checks.choice("Dense", "activation", activation, ACTIVATIONS)
        self.bias = checks.flag("Dense", "bias", bias)

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """`weight` (out, in), `bias` (out,)."""
        params = {"weight": Param((size.hidden, size.input), init="xavier_uniform")}
        return {**params, "bias": Param((size.hidden,), init="zeros")} if self.bias else params

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """None."""
        return {}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Output y = activation(weight @ x + bias)."""
        y = p.weight @ x + p.bias if self.bias else p.weight @ x
        return y if self.activation == "identity" else getattr(ops, self.activation)(y), {}


class Dense(Network):
    """`activation(weight @ x + bias)` at every step: x (N, T, input_size) -> (N, T, output_size).

    Parameters `weight` (output_size, input_size) and `bias` (output_size,), as torch.nn.Linear has them.
    activation: one of elu, gelu, identity, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, softplus,
    tanh. The weight starts xavier_uniform, the bias 0. regularizers: as in Recurrent.

    tied_to: an Embedding(output_size, input_size), whose table is the weight: one parameter, with the names
    of both layers, whose gradients add up. Both layers stand in one Sequential or Graph; alone, this layer
    cannot run. The bias stays its own. Source: Press and Wolf 2017, "Using the output embedding to improve
    language models".

    Raises ConfigError for a bad argument, ShapeError for a table of another shape.
    """

    kind = "dense"
    examples = (
        {"input_size": 3, "output_size": 2},
        {"input_size": 2, "output_size": 3, "activation": "tanh"},
    )
    _fixed = ("activation", "bias", "seed", "tied_to")

    def __init__(
        self,
        input_size: int,
        output_size: int,
        activation: str = "identity",
        *,
        bias: bool = True,
        regularizers: Sequence[Any] = (),
        tied_to: Embedding | None = None,
        dtype: Any = "float32",
        seed: int = 0,
    ) -> None:
        cell = Affine(activation, bias)
        inputs, outputs = size("Dense", "input_size", input_size), size("Dense", "output_size", output_size)
        rewrites = choose_regularizers("Dense", regularizers)
        traced = trace_cell(cell, inputs, outputs, rewrites)
        kind = dtype_name("Dense", dtype)
        _check_tie(tied_to, (outputs, inputs), kind)
        self._fill(
            Unit(
                traced.program,
                traced.params,
                traced.states,
                traced.output_size,
                traced.inference,
                penalty=traced.penalty,
            ),
            activation,
            tuple(map(repr, rewrites)),
            kind,
            checks.whole("Dense", "seed", seed, at_least=0),
            tied_to,
            is_tied=tied_to is not None,
        )

    def _fill(
        self,
        unit: Unit,
        activation: str,
        regularizers: tuple[str, ...],
        dtype: str,
        seed: int,
        tied_to: Embedding | None,
        is_tied: bool,
        initial: bool = True,
    ) -> None:
        self._unit, self.activation, self.seed = unit, activation, seed
        # A file may hold the Embedding after this layer; until it is read, the layer is tied to None.
        self.tied_to, self._is_tied = tied_to, is_tied
        self._regularizers = regularizers
        self.bias = "bias" in unit.params
        self.dtype, self.batch_first = np.dtype(dtype), None
        self.input_size = int(unit.params["weight"].shape[1])
        self._set_up(initial)

    def __repr__(self) -> str:
        activation = "" if self.activation == "identity" else f", {self.activation!r}"
        bias = "" if self.bias else ", bias=False"
        rewrites = f", regularizers=[{', '.join(self._regularizers)}]" if self._regularizers else ""
        tied = f", tied_to={self.tied_to!r}" if self._is_tied else ""
        return f"Dense({self.input_size}, {self.output_size}{activation}{bias}{rewrites}{tied})"

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        names = {name: scope.name(name) for name in self._unit.params}
        tied = {"weight": self.tied_to} if self._is_tied else {}
        return graph.layer(self._unit, x, names, {}, scope.name("dense"), tied)

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        draw_all(self._graph, values, scope, self.seed if seed is None else seed)

    def _record(self, programs: Programs) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "activation": self.activation,
            "seed": self.seed,
            "step": programs.add(self._unit),
            **({"regularizers": list(self._regularizers)} if self._regularizers else {}),
            **({"tied_to": self._table_place(programs)} if self._is_tied else {}),
        }

    def _table_place(self, programs: Programs) -> int:
        place = programs.table_place(self.tied_to)
        if place is None:
            raise ConfigError(
                f"{shown(self)} is tied to a layer that is not in this network; save the whole network"
            )
        return place

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Dense:
        activation, seed = record.text("activation"), record.whole("seed")
        place = record.whole("tied_to") if record.has("tied_to") else None
        tied = () if place is None else ("weight",)
        unit, regularizers = programs.unit(record.inner("step"), tied=tied), read_regularizers(record)
        record.done()
        shapes = {name: len(param.shape) for name, param in unit.params.items()}
        if shapes not in ({"weight": 2}, {"weight": 2, "bias": 1}) or unit.states:
            raise record.error("a step that is not a Dense layer's")
        self = cls.__new__(cls)
        self._fill(
            unit, activation, regularizers, programs.dtype, seed, None, place is not None, initial=False
        )
        if place is not None:
            programs.when_table(place, self._tie)
        return self

    def _tie(self, table: Embedding) -> None:
        _check_tie(table, (self.output_size, self.input_size), self.dtype.name)
        vars(self)["tied_to"] = table


def _check_tie(table: object, shape: tuple[int, int], dtype: str) -> None:
    """Raises ConfigError or ShapeError for what is no Embedding with a table of `shape`."""
    if table is None:
        return
    if not isinstance(table, Embedding):
        raise ConfigError(
            f"Dense: tied_to is {shown(table)}; expected an Embedding, whose table becomes the weight"
        )
    if (table.input_size, table.output_size) != shape:
        raise ShapeError(
            f"Dense: tied_to is {shown(table)}, and the weight is {shape}; "
            f"expected Dense({table.output_size}, {table.input_size}, tied_to=...)"
        )
    if table.dtype.name != dtype:
        raise ConfigError(
            f"Dense: dtype is {shown(dtype)}; expected {shown(table.dtype.name)}, as tied_to has it"
        )
