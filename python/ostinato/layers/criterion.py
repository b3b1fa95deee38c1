"""`Criterion`: the parameters of a loss, as the last layer of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ostinato import checks
from ostinato.cell import Cell, Param
from ostinato.dims import Dim
from ostinato.errors import ConfigError, shown
from ostinato.layers.regularizer_choice import choose_regularizers, read_regularizers
from ostinato.losses import Loss
from ostinato.namespace import Names
from ostinato.network.arena import Array
from ostinato.network.check import dtype_name, size
from ostinato.network.criteria import CRITERION
from ostinato.network.graph import Graph, Node, Scope, Unit
from ostinato.network.network import Network, draw_all
from ostinato.ops import Value
from ostinato.plugins.registry import registry
from ostinato.trace import trace_cell
from ostinato.trace.programs import loss_parameters

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


class Held(Cell):
    """The step of `Criterion`: its output is its input. The loss uses the parameters."""

    name = CRITERION
    _holds = True

    def __init__(self, params: dict[str, Param]) -> None:
        self.params = params

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Those of the loss."""
        return self.params

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Output x."""
        return x, {}


class Criterion(Network):
    """Holds the parameters of a loss: x (N, T, input_size) -> the same x, or values of rows.

    The last layer of a network that is trained with a loss with parameters. So they are in the arena and in
    the model file, an optimizer updates them, and `freeze` and groups of an optimizer know them by name, such
    as "2.centers". regularizers: as in Recurrent; a penalty on parameters, such as `L2`, counts them.

    loss: a name, a Loss class or an instance. Raises ConfigError for a loss without parameters, and for a
    width that the loss does not take.
    """

    kind = "criterion"
    _fixed = ("seed",)

    def __init__(
        self,
        loss: Any,
        input_size: int,
        *,
        regularizers: Sequence[Any] = (),
        dtype: Any = "float32",
        seed: int = 0,
    ) -> None:
        made = registry.make("loss", loss, Loss)
        width = size("Criterion", "input_size", input_size)
        params = {
            name: Param(tuple(int(one) for one in param.shape), param.init, param.learned)
            for name, param in loss_parameters(made, width).items()
        }
        if not params:
            raise ConfigError(f"Criterion: loss {shown(made.name)} has no parameters, so no layer holds them")
        rewrites = choose_regularizers("Criterion", regularizers)
        traced = trace_cell(Held(params), width, width, rewrites)
        unit = Unit(
            traced.program, traced.params, {}, traced.output_size, traced.inference, penalty=traced.penalty
        )
        self._fill(
            unit,
            tuple(map(repr, rewrites)),
            dtype_name("Criterion", dtype),
            checks.whole("Criterion", "seed", seed, at_least=0),
        )

    def _fill(
        self, unit: Unit, regularizers: tuple[str, ...], dtype: str, seed: int, initial: bool = True
    ) -> None:
        self._unit, self._regularizers, self.seed = unit, regularizers, seed
        self.dtype, self.batch_first = np.dtype(dtype), None
        self.input_size = unit.output_size
        self._set_up(initial)

    def __repr__(self) -> str:
        return f"Criterion({', '.join(self._unit.params)}; {self.input_size})"

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        names = {name: scope.name(name) for name in self._unit.params}
        return graph.layer(self._unit, x, names, {}, scope.name(CRITERION))

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        draw_all(self._graph, values, scope, self.seed if seed is None else seed)

    def _record(self, programs: Programs) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "seed": self.seed,
            "step": programs.add(self._unit),
            **({"regularizers": list(self._regularizers)} if self._regularizers else {}),
        }

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Criterion:
        seed, unit = record.whole("seed"), programs.unit(record.inner("step"))
        regularizers = read_regularizers(record)
        record.done()
        inputs = unit.program.inputs
        if not unit.params or unit.states or inputs[0][1] != [unit.output_size]:
            raise record.error("a step that is not a Criterion's")
        self = cls.__new__(cls)
        self._fill(unit, regularizers, programs.dtype, seed, initial=False)
        return self
