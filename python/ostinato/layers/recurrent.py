"""`Recurrent`: a stack of one cell, in one direction or both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from ostinato import checks
from ostinato.cell import Cell, declared
from ostinato.cells.gates import GRU_GATES, LSTM_GATES
from ostinato.errors import ConfigError, PluginError, ShapeError, shown
from ostinato.layers.cell_choice import choose_cell, chosen_options
from ostinato.layers.initial import Init, init_text, with_init
from ostinato.layers.inlined import Composed
from ostinato.layers.provenance import providers_of
from ostinato.layers.regularizer_choice import choose_regularizers, read_regularizers
from ostinato.network.arena import Array
from ostinato.network.check import dtype_name, size
from ostinato.network.graph import Graph, Node, Scope, Unit
from ostinato.network.network import Network, draw_all
from ostinato.network.ports import INPUT, OUTPUT
from ostinato.plugins.blame import blamed
from ostinato.plugins.entry import BUILTIN, Provider
from ostinato.regularizer import Regularizer
from ostinato.trace import trace_cell

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


# For the message about weights of another layout.
GATES: Final = {"lstm": LSTM_GATES, "gru": GRU_GATES}

# Of a network, each direction counted.
MOST_LAYERS: Final = 2**16

# What repr leaves out.
DEFAULTS: Final = {
    "num_layers": 1,
    "bidirectional": False,
    "init": None,
    "regularizers": (),
    "residual": False,
    "batch_first": True,
    "dtype": "float32",
    "seed": 0,
}


@dataclass(frozen=True)
class Setting:
    """The settings of a stack of cells, for `repr` and model files.

    providers: the plugins that provided regularizers and initializers, by "kind name".
    """

    hidden_size: int
    num_layers: int
    bidirectional: bool
    residual: bool
    batch_first: bool
    dtype: str
    seed: int
    init: str | None
    regularizers: tuple[str, ...] = ()
    providers: tuple[tuple[str, Provider], ...] = ()

    @property
    def directions(self) -> int:
        """1 or 2."""
        return 2 if self.bidirectional else 1


class Recurrent(Network):
    """`num_layers` layers of a cell: x (N, T, input_size) -> (N, T, output of the last layer).

    Args:
        cell: a name ("lstm", "acme/cell"), a Cell subclass or an instance.
        input_size: features per step of x.
        hidden_size: `size.hidden` of the cell.
        num_layers: layers on top of each other.
        bidirectional: each layer also reads each row backwards; outputs are `[forward; backward]`.
        regularizers: regularizers, or their names. Their equations are inlined in the cell's, in this order,
            in every layer and direction.
        init: an initializer (name or callable) for all weight matrices, or a mapping of parameter names or
            patterns (`"weight_hh_l*"`) to initializers; other parameters use the initializers of the cell.
        residual: adds each layer's input to its output, `h^(l) = f(...) + h^(l-1)` with `h^(0) = x`, if both
            have the same width: in all layers from the second on, and in the first layer if input_size is
            the width of its output.
        batch_first: False means inputs and outputs (T, N, ...).
        dtype: float32 or float64.
        seed: the same seed gives the same parameters.
        **cell_options: options of the cell, unless it is an instance.

    A parameter is called `{name in the cell}_l{layer}`, with `_reverse` for the backward direction, so the
    built-in cells have PyTorch's state dict. States are (num_layers * directions, N, size), ordered l0
    forward, l0 backward, l1 forward, ...

    Raises ConfigError for a bad argument or an unknown name, ShapeError or TraceError for a cell that
    cannot be traced.
    """

    kind = "recurrent"
    examples: ClassVar[Sequence[Mapping[str, Any]]] = (
        {"cell": "gru", "input_size": 3, "hidden_size": 4, "num_layers": 2, "bidirectional": True},
        {"cell": "lstm", "input_size": 3, "hidden_size": 3, "residual": True},
    )
    _fixed: ClassVar[tuple[str, ...]] = (
        *("cell", "cell_name", "cell_options", "provider", "setting", "hidden_size", "num_layers", "seed"),
        *("bidirectional", "residual"),
    )

    def __init__(
        self,
        /,
        cell: str | type[Cell] | Cell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bidirectional: bool = False,
        regularizers: Sequence[Any] = (),
        init: Init | Mapping[str, Init] | None = None,
        residual: bool = False,
        batch_first: bool = True,
        dtype: Any = "float32",
        seed: int = 0,
        **cell_options: Any,
    ) -> None:
        kind = type(self).__name__
        rewrites = choose_regularizers(kind, regularizers)
        inputs = size(kind, "input_size", input_size)
        setting = Setting(
            hidden_size=size(kind, "hidden_size", hidden_size),
            num_layers=_layers(kind, num_layers, 1 + checks.flag(kind, "bidirectional", bidirectional)),
            bidirectional=bidirectional,
            residual=checks.flag(kind, "residual", residual),
            batch_first=checks.flag(kind, "batch_first", batch_first),
            dtype=dtype_name(kind, dtype),
            seed=checks.whole(kind, "seed", seed, at_least=0),
            init=init_text(init),
            regularizers=tuple(map(repr, rewrites)),
        )
        name, made, provider = choose_cell(cell, cell_options)
        self.cell: Cell | None = made
        inside = list(made._made_of()) if isinstance(made, Composed) else []
        with blamed(made, *inside, *rewrites), _named(kind, setting.hidden_size):
            units = with_init(_trace(made, inputs, setting, rewrites), init, self._end)
        setting = replace(setting, providers=providers_of([*inside, *rewrites], units))
        self._fill(name, chosen_options(made), provider, setting, units)

    def _fill(
        self,
        cell_name: str,
        options: Mapping[str, Any],
        provider: Provider | None,
        setting: Setting,
        units: list[list[Unit]],
        initial: bool = True,
    ) -> None:
        self.cell_name, self.cell_options, self.provider = cell_name, dict(options), provider
        self.setting, self._units = setting, units
        self.hidden_size, self.num_layers, self.seed = setting.hidden_size, setting.num_layers, setting.seed
        self.bidirectional, self.residual = setting.bidirectional, setting.residual
        self.dtype, self.batch_first = np.dtype(setting.dtype), setting.batch_first
        (_, (self.input_size,), _), *_ = units[0][0].program.inputs
        widths = [self.input_size, *(sum(unit.output_size for unit in layer) for layer in units)]
        if setting.residual and not any(a == b for a, b in pairwise(widths)):
            raise ConfigError(
                f"residual is True, but input_size is {widths[0]} and the output has {widths[1]} features; "
                "expected the same width or more than one layer"
            )
        self._set_up(initial)

    def __repr__(self) -> str:
        kind = type(self).__name__
        parts = [] if self.kind == self.cell_name else [repr(self.cell_name)]
        parts += [str(self.input_size), str(self.hidden_size)]
        setting = self.setting
        for name, default in DEFAULTS.items():
            value = getattr(setting, name)
            if value != default:
                parts.append(f"{name}={shown_setting(name, value)}")
        parts += [f"{name}={value!r}" for name, value in self.cell_options.items()]
        return f"{kind}({', '.join(parts)})"

    @property
    def memories(self) -> dict[str, int]:
        """The memories that every step reads, with the features of their entries, by name."""
        return {name: width for name, (width,) in self._units[0][0].program.memories}

    def _build(self, graph: Graph) -> tuple[dict[str, Node], bool]:
        x = graph.input(INPUT, self.input_size)
        memories = [graph.input(name, width, name) for name, width in self.memories.items()]
        return {OUTPUT: self._join(graph, [x, *memories], Scope())}, True

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        return self._join(graph, [x], scope)

    def _join(self, graph: Graph, nodes: Sequence[Node], scope: Scope) -> Node:
        x, *memories = nodes
        if len(memories) != len(self.memories):
            names = ", ".join(f"{name}=..." for name in self.memories)
            raise ConfigError(
                f"{shown(self)} reads memories, which a container does not give; call it with symbols in an "
                f"ost.Graph: layer(x, {names})"
            )
        for layer, units in enumerate(self._units):
            ends = [
                self._direction(graph, x, unit, scope, layer, bool(direction), memories)
                for direction, unit in enumerate(units)
            ]
            y = graph.concat([ends[0], graph.reverse(ends[1])], ends) if len(ends) == 2 else ends[0]
            added = self.residual and y.width == x.width
            x = replace(graph.add(y, x), blended=len(ends) == 2) if added else y
        return x

    def _direction(
        self,
        graph: Graph,
        x: Node,
        unit: Unit,
        scope: Scope,
        layer: int,
        reverse: bool,
        memories: Sequence[Node],
    ) -> Node:
        end = self._end(layer, reverse)
        names = {name: scope.name(name + end) for name in unit.params}
        states = {name: scope.state(self._state_name(name)) for name in unit.states}
        label = scope.name(self.cell_name.rpartition("/")[2] + end)
        read = graph.reverse(x) if reverse else x
        return graph.layer(unit, read, names, states, label, memories=memories)

    @staticmethod
    def _end(layer: int, reverse: bool) -> str:
        """What the names of the parameters of a layer and direction end with."""
        return f"_l{layer}_reverse" if reverse else f"_l{layer}"

    def _state_name(self, name: str) -> str:
        """The name of a state of the network, whose name in the program is `name`."""
        return name

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        memo[id(self.cell)] = self.cell  # the units are its equations, or call it
        return super().__deepcopy__(memo)

    def _cast(self, dtype: str) -> None:
        vars(self)["setting"] = replace(self.setting, dtype=dtype)
        super()._cast(dtype)

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        draw_all(self._graph, values, scope, self.seed if seed is None else seed)

    def _providers(self) -> Iterator[tuple[str, Provider]]:
        if self.provider is not None and self.provider.id != BUILTIN:
            yield f"cell {self.cell_name}", self.provider
        yield from self.setting.providers

    def _layout_hint(self) -> str:
        gates = GATES.get(self.cell_name)
        return f"Gate order is {', '.join(gates)}" if gates else ""

    def _record(self, programs: Programs) -> dict[str, Any]:
        setting = self.setting
        return {
            "kind": self.kind,
            "cell": self.cell_name,
            "options": programs.options(self.cell_options),
            "provider": programs.provider(self.provider),
            "hidden_size": setting.hidden_size,
            "bidirectional": setting.bidirectional,
            "residual": setting.residual,
            "batch_first": setting.batch_first,
            "seed": setting.seed,
            "init": setting.init,
            "layers": [[programs.add(unit) for unit in layer] for layer in self._units],
            **({"regularizers": list(setting.regularizers)} if setting.regularizers else {}),
            **({"providers": programs.providers(setting.providers)} if setting.providers else {}),
        }

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Recurrent:
        name, options, provider = record.text("cell"), record.options("options"), record.provider("provider")
        layers = [[programs.unit(step) for step in layer] for layer in record.lists("layers")]
        setting = Setting(
            hidden_size=record.whole("hidden_size"),
            num_layers=len(layers),
            bidirectional=record.flag("bidirectional"),
            residual=record.flag("residual"),
            batch_first=record.flag("batch_first"),
            dtype=programs.dtype,
            seed=record.whole("seed"),
            init=record.optional_text("init"),
            regularizers=read_regularizers(record),
            providers=programs.read_providers(record),
        )
        record.done()
        if not layers or any(len(layer) != setting.directions for layer in layers):
            raise record.error("layers that do not fit `bidirectional`")
        if any(unit.program.sizes.get("hidden") != setting.hidden_size for layer in layers for unit in layer):
            raise record.error("a hidden_size that is not its programs'")
        if cls is not Recurrent and name != cls.kind:
            raise record.error(f"the cell {shown(name)} in a layer of kind {shown(cls.kind)}")
        cls._check_record(record, options, layers)
        self = cls.__new__(cls)
        self.cell = None
        if any(unit.program.calls for layer in layers for unit in layer):
            self.cell, layers = _called(name, options, provider, layers, setting.hidden_size)
        self._fill(name, options, provider, setting, layers, initial=False)
        return self

    @classmethod
    def _check_record(cls, record: Record, options: Mapping[str, Any], layers: list[list[Unit]]) -> None:
        """Raises FormatError for a record that a subclass cannot be made of."""


def shown_setting(name: str, value: Any) -> str:
    """A value of a `Setting` as `repr` has it."""
    if name == "regularizers":
        return f"[{', '.join(value)}]"
    return str(value) if name == "init" else repr(value)


def _called(
    name: str,
    options: Mapping[str, Any],
    provider: Provider | None,
    layers: list[list[Unit]],
    hidden_size: int,
) -> tuple[Cell, list[list[Unit]]]:
    """The cell of a loaded layer whose step runs in Python, and the units with their functions."""
    try:
        _, cell, _ = choose_cell(name, dict(options))
    except ConfigError as error:
        source = (
            f"install {provider.distribution} {provider.version}"
            if provider is not None and provider.is_foreign
            else "ost.register its class, or give its file (--plugin FILE on the command line)"
        )
        raise PluginError(
            f"the step of the cell {shown(name)} is Python code, which a model file does not hold; {source}, "
            f"then load again ({error})"
        ) from error

    def called(unit: Unit) -> Unit:
        (_, (width,), _), *_ = unit.program.inputs
        traced = trace_cell(cell, width, hidden_size)
        if traced.program.params != unit.program.params or traced.program.states != unit.program.states:
            raise PluginError(
                f"the cell {shown(name)} has other parameters or states than when the model was saved"
            )
        return replace(unit, function=traced.function)

    return cell, [[called(unit) for unit in layer] for layer in layers]


@contextmanager
def _named(kind: str, hidden: int) -> Iterator[None]:
    """Within it, an error of the core about a parameter that is too large names `hidden_size` too."""
    try:
        yield
    except ShapeError as error:
        text = str(error)
        if re.search(rf"has shape .*hidden = {hidden}\b.*; expected 1 to \d+ elements$", text):
            raise ShapeError(f"{kind}: hidden_size is {hidden}: {text}; expected fewer units") from error
        raise


def _layers(kind: str, num_layers: Any, directions: int) -> int:
    layers, most = size(kind, "num_layers", num_layers), MOST_LAYERS // directions
    if layers > most:
        raise ConfigError(f"{kind}: num_layers is {shown(num_layers)}; expected at most {most}")
    return layers


def _trace(
    cell: Cell, input_size: int, setting: Setting, regularizers: Sequence[Regularizer]
) -> list[list[Unit]]:
    """One unit per layer and direction; layers of the same sizes share a program."""
    made: dict[int, Unit] = {}
    units: list[list[Unit]] = []
    width = input_size
    for _ in range(setting.num_layers):
        if width not in made:
            traced = trace_cell(cell, width, setting.hidden_size, regularizers)
            # As declared, so that sizes print as "4*hidden".
            params = declared(cell, width, setting.hidden_size).params
            made[width] = Unit(
                traced.program,
                params,
                traced.states,
                traced.output_size,
                traced.inference,
                traced.function,
                traced.penalty,
            )
        units.append([made[width]] * setting.directions)
        width = made[width].output_size * setting.directions
    return units
