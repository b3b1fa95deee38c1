"""`Dense`: the same affine map at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ostinato import checks, ops
from ostinato.cell import Cell, Param, State
from ostinato.layers.regularizer_choice import choose_regularizers, read_regularizers
from ostinato.network.arena import Array
from ostinato.network.check import dtype_name, size
from ostinato.network.graph import Graph, Node, Scope, Unit
from ostinato.network.network import Network, draw_all
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

    def parameters(self, size: Any) -> dict[str, Param]:
        """`weight` (out, in), `bias` (out,)."""
        params = {"weight": Param((size.hidden, size.input), init="xavier_uniform")}
        return {**params, "bias": Param((size.hidden,), init="zeros")} if self.bias else params

    def state(self, size: Any) -> dict[str, State]:
        """None."""
        return {}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Output y = activation(weight @ x + bias)."""
        y = p.weight @ x + p.bias if self.bias else p.weight @ x
        return y if self.activation == "identity" else getattr(ops, self.activation)(y), {}


class Dense(Network):
    """`activation(weight @ x + bias)` at every step: x (N, T, input_size) -> (N, T, output_size).

    Parameters `weight` (output_size, input_size) and `bias` (output_size,), as torch.nn.Linear has them.
    activation: one of elu, gelu, identity, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, softplus,
    tanh. The weight starts xavier_uniform, the bias 0. regularizers: as in Recurrent. Raises
    ConfigError for a bad argument.
    """

    kind = "dense"
    examples = (
        {"input_size": 3, "output_size": 2},
        {"input_size": 2, "output_size": 3, "activation": "tanh"},
    )
    _fixed = ("activation", "bias", "seed")

    def __init__(
        self,
        input_size: int,
        output_size: int,
        activation: str = "identity",
        *,
        bias: bool = True,
        regularizers: Sequence[Any] = (),
        dtype: Any = "float32",
        seed: int = 0,
    ) -> None:
        cell = Affine(activation, bias)
        inputs, outputs = size("Dense", "input_size", input_size), size("Dense", "output_size", output_size)
        rewrites = choose_regularizers("Dense", regularizers)
        traced = trace_cell(cell, inputs, outputs, rewrites)
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
            dtype_name("Dense", dtype),
            checks.whole("Dense", "seed", seed, at_least=0),
        )

    def _fill(
        self,
        unit: Unit,
        activation: str,
        regularizers: tuple[str, ...],
        dtype: str,
        seed: int,
        initial: bool = True,
    ) -> None:
        self._unit, self.activation, self.seed = unit, activation, seed
        self._regularizers = regularizers
        self.bias = "bias" in unit.params
        self.dtype, self.batch_first = np.dtype(dtype), None
        self.input_size = int(unit.params["weight"].shape[1])
        self._set_up(initial)

    def __repr__(self) -> str:
        activation = "" if self.activation == "identity" else f", {self.activation!r}"
        bias = "" if self.bias else ", bias=False"
        rewrites = f", regularizers=[{', '.join(self._regularizers)}]" if self._regularizers else ""
        return f"Dense({self.input_size}, {self.output_size}{activation}{bias}{rewrites})"

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        names = {name: scope.name(name) for name in self._unit.params}
        return graph.layer(self._unit, x, names, {}, scope.name("dense"))

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        draw_all(self._graph, values, scope, self.seed if seed is None else seed)

    def _record(self, programs: Programs) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "activation": self.activation,
            "seed": self.seed,
            "step": programs.add(self._unit),
            **({"regularizers": list(self._regularizers)} if self._regularizers else {}),
        }

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Dense:
        activation, seed = record.text("activation"), record.whole("seed")
        unit, regularizers = programs.unit(record.inner("step")), read_regularizers(record)
        record.done()
        shapes = {name: len(param.shape) for name, param in unit.params.items()}
        if shapes not in ({"weight": 2}, {"weight": 2, "bias": 1}) or unit.states:
            raise record.error("a step that is not a Dense layer's")
        self = cls.__new__(cls)
        self._fill(unit, activation, regularizers, programs.dtype, seed, initial=False)
        return self
