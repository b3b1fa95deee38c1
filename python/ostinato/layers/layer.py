"""What an author of a layer writes with: `Layer`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.layers.children import is_untouched
from ostinato.layers.functional import Graph
from ostinato.layers.functions import Input
from ostinato.network import graph as description
from ostinato.network.arena import Array
from ostinato.network.check import dtype_name
from ostinato.network.network import Network
from ostinato.network.ports import OUTPUT
from ostinato.network.symbol import Symbol, in_order
from ostinato.options import Configured
from ostinato.plugins.entry import BUILTIN, Provider
from ostinato.plugins.registry import registry
from ostinato.sequences.axis import Axis
from ostinato.signature import with_field_types

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    from ostinato.network.programs import Programs
    from ostinato.network.record import Record
else:

    def dataclass_transform(**_: Any) -> Any:
        """For type checkers: subclasses are dataclasses. Does nothing at run time."""
        return lambda cls: cls


# What a layer may call its options although a network has the names.
_SHARED = ("input_size", "dtype", "seed")


@dataclass_transform(eq_default=False, field_specifiers=(field,))
@dataclass(eq=False, repr=False)
class Layer(Configured, Graph):
    """A layer made of other layers: a function from symbols to a symbol, `build`.

        class Highway(ost.Layer):
            input_size: int
            activation: str = "relu"

            def build(self, x):
                gate = ost.Dense(x.width, x.width, "sigmoid")(x)
                return gate * ost.Dense(x.width, x.width, self.activation)(x) + (1 - gate) * x

    The options are the fields of the class, as in a dataclass: numbers, texts, and lists and dicts of them.
    Every layer has the options `dtype` and `seed` too. `build` may call layers, `ost.concat`, `ost.mean` and
    the like, operators, and `ost.apply` for a function of one step; a step with states or parameters of its
    own is a `Cell` in `ost.Recurrent`. It says nothing of dtype and seeds: the layers in it get the dtype of
    this layer, and initial values that `seed` decides, each parameter from its own stream.

    Such a layer does what every layer does: it runs alone, in a Sequential and in a Graph, shares its
    parameters where it is called twice, is copied and pickled. A model file holds what it is made of, so a
    model loads where the class is not installed.

    `input_symbols` returns the inputs, by default one sequence of `input_size` features. A layer that
    computes step by step also takes values of rows. The registry name is the class attribute `name`, by
    default the class's name in lower case.

    Raises ConfigError for a field that every network has, and when it is made for an input that `build` does
    not use, for layers that disagree on dtype or have a place in a network already, and for parameters that
    `build` has changed.
    """

    kind: ClassVar[str] = "layer"
    _loaded: ClassVar[MadeAs | None] = None

    dtype: Any = field(default="float32", kw_only=True)
    seed: int = field(default=0, kw_only=True)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "inputs" in vars(cls):
            raise ConfigError(
                f"layer {cls.__name__}: `inputs` describes the inputs of a finished network; the "
                "method that returns them for build is called input_symbols"
            )
        own_init = "__init__" in vars(cls)
        try:
            dataclass(eq=False, repr=False)(cls)
        except ValueError as error:
            raise ConfigError(f"layer {cls.__name__}: {error}") from error
        if not own_init:
            with_field_types(cls)
        taken = {*dir(Layer), *inspect.get_annotations(Network), *Graph._fixed}
        for one in fields(cls):
            if one.name in taken and one.name not in _SHARED:
                raise ConfigError(
                    f"layer {cls.__name__}: the option {shown(one.name)} has a name that every network has; "
                    "expected another name"
                )
        cls._fixed = tuple(one.name for one in fields(cls))

    def input_symbols(self) -> Iterable[Symbol]:
        """Return the inputs, each made by `ost.Input`; `build` gets them in this order."""
        size = getattr(self, "input_size", None)
        if size is None:
            raise ConfigError(
                f"layer {shown(self.name)} has no option input_size; write "
                "input_symbols(self), which returns "
                '[ost.Input("x", size=...)], or the field input_size'
            )
        return [Input("x", size=size)]

    def build(self, *inputs: Any, **_: Any) -> Symbol:
        """Return the output, made of the inputs by layers and functions of symbols."""
        raise ConfigError(
            f"layer {shown(self.name)} has no build; write build(self, x), which returns what layers give "
            "for x"
        )

    def _complete(self) -> None:
        """Builds the layer from its options."""
        dtype = dtype_name(type(self).__name__, self.dtype)
        checks.whole(type(self).__name__, "seed", self.seed, at_least=0)
        self._options["dtype"] = dtype
        inputs = checked_inputs(self)
        output = self.build(*inputs)
        if not isinstance(output, Symbol):
            raise DTypeError(
                f"layer {shown(self.name)}: build returns a {type(output).__name__}; expected a symbol"
            )
        found = [one for one in in_order([output]) if one.op == "input"]
        for one in found:
            if one not in inputs:
                raise ConfigError(
                    f"layer {shown(self.name)}: build uses {shown(one)}, which input_symbols does not return"
                )
        for one in inputs:
            if one not in found:
                raise ConfigError(
                    f"layer {shown(self.name)}: build does not use {shown(one)}, which input_symbols returns"
                )
        self._fill_layer(output, inputs, dtype)
        self._redraw(self._arena, description.Scope(), None)

    def _fill_layer(self, output: Symbol, inputs: Sequence[Symbol], dtype: str) -> None:
        size = vars(self).get("input_size")
        self._ordered = [InputSlot(str(one.name), one.axis, one.width, one.limit) for one in inputs]
        first = self._ordered[0]
        if size not in (None, first.size):
            raise ConfigError(
                f"layer {shown(self.name)}: input_size is {size}, but its first input is "
                f"{shown(inputs[0])}; expected "
                "another name for the option"
            )
        self._arrange({OUTPUT: output}, True)
        for name, layer in self.layers.items():
            if layer._owned:
                raise ConfigError(
                    f"layer {shown(self.name)}: {shown(layer)} has a place in a network already; expected "
                    "a new layer"
                )
            if self._loaded is None and not is_untouched(layer):
                raise ConfigError(
                    f"layer {shown(self.name)}: the parameters of layer {shown(name)}, {shown(layer)}, are "
                    "not its initial "
                    "values, which seed decides; expected a new layer, with an initializer for other values"
                )
        for layer in self.layers.values():
            if layer.dtype.name != dtype:
                layer._cast(dtype)
        self.dtype = np.dtype(dtype)
        self.takes_ids, self.input_size = first.limit is not None, first.size
        self._set_up()

    def _build(self, graph: description.Graph) -> tuple[dict[str, description.Node], bool]:
        given = [
            graph.input(one.name, one.width, one.axis)
            if one.limit is None
            else graph.index_input(one.name, one.limit, one.axis)
            for one in self._ordered
        ]
        return {OUTPUT: self._join(graph, given, description.Scope())}, True

    def _join(
        self, graph: description.Graph, nodes: Sequence[description.Node], scope: description.Scope
    ) -> description.Node:
        given = {one.name: node for one, node in zip(self._ordered, nodes, strict=True)}
        return self._place(graph, given, scope)[OUTPUT]

    def _assemble(
        self, graph: description.Graph, x: description.Node, scope: description.Scope
    ) -> description.Node:
        if len(self._ordered) > 1:
            names = ", ".join(repr(one.name) for one in self._ordered)
            raise ConfigError(
                f"{shown(self)} has several inputs, {names}; call it with symbols, in an ost.Graph"
            )
        return self._join(graph, [x], scope)

    def _redraw(self, values: Array, scope: description.Scope, seed: int | None) -> None:
        super()._redraw(values, scope, self.seed if seed is None else seed)

    def _cast(self, dtype: str) -> None:
        super()._cast(dtype)
        self._options["dtype"] = dtype
        self._redraw(self._arena, description.Scope(), None)

    def __repr__(self) -> str:
        made = self._made_as()
        shown = [repr(value) for value in made.required.values()]
        shown += [f"{name}={value!r}" for name, value in made.more.items()]
        return f"{made.cls}({', '.join(shown)})"

    def _made_as(self) -> MadeAs:
        """How it was made; from a file, as the file says."""
        if self._loaded is not None:
            return self._loaded
        required: dict[str, Any] = {}
        more: dict[str, Any] = {}
        for one in sorted(fields(self), key=lambda one: one.kw_only is True):
            value = self._options[one.name]
            if one.default is MISSING and one.default_factory is MISSING:
                required[one.name] = value
            elif repr(value) != repr(
                one.default if one.default_factory is MISSING else one.default_factory()
            ):
                more[one.name] = value
        return MadeAs(self.name, type(self).__name__, required, more, self.provider)

    def _record(self, programs: Programs) -> dict[str, Any]:
        made = self._made_as()
        provider = made.provider or registry.provider_of(type(self))
        record = super()._record(programs)
        del record["plain"]
        more = {name: value for name, value in made.more.items() if name not in ("dtype", "seed")}
        return {
            **record,
            "inputs": [one.name for one in self._ordered],
            "name": made.name
            if provider is None or "/" in made.name
            else f"{provider.namespace}/{made.name}",
            "class": made.cls,
            "required": programs.options(made.required),
            "options": programs.options(more),
            "seed": self.seed,
            "provider": programs.provider(provider),
        }

    def _providers(self) -> Iterator[tuple[str, Provider]]:
        made = self._made_as()
        provider = made.provider or registry.provider_of(type(self))
        if provider is not None and provider.id != BUILTIN:
            yield f"layer {made.name}", provider

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Layer:
        """A layer that is what the file holds; no class of a plugin is needed for it."""
        outputs, layers = cls._read(record, programs)
        names = record.items("inputs")
        seed = record.whole("seed")
        more = record.options("options")
        common = {"dtype": programs.dtype, "seed": seed}
        more |= {name: value for name, value in common.items() if value not in ("float32", 0)}
        made = MadeAs(
            record.text("name"),
            record.text("class"),
            record.options("required"),
            more,
            record.provider("provider"),
        )
        record.done()
        if list(outputs) != [OUTPUT]:
            raise record.error(f"other outputs than {shown(OUTPUT)}")
        inputs = {str(one.name): one for one in in_order(list(outputs.values())) if one.op == "input"}
        if not all(isinstance(name, str) for name in names) or sorted(names) != sorted(inputs):
            raise record.error(f"the inputs {shown(names)}; its nodes have {sorted(inputs)}")
        self: Layer = Layer.__new__(Layer)
        vars(self).update(seed=seed, _loaded=made)
        self._options = {**made.required, **made.more, **common}
        self._fill_layer(outputs[OUTPUT], [inputs[name] for name in names], programs.dtype)
        self._check_layers(record, layers)
        return self


@dataclass(frozen=True)
class InputSlot:
    """An input of a layer."""

    name: str
    axis: Axis
    width: int
    limit: int | None

    @property
    def size(self) -> int:
        """Its features, or its number of ids."""
        return self.width if self.limit is None else self.limit


@dataclass(frozen=True)
class MadeAs:
    """What a layer was made from: its name, its class, its options, those that must be given first."""

    name: str
    cls: str
    required: dict[str, Any]
    more: dict[str, Any]
    provider: Provider | None


def checked_inputs(layer: Layer) -> list[Symbol]:
    """What `input_symbols` returns. Raises ConfigError for anything but inputs with names of their own."""
    given = layer.input_symbols()
    found = list(given) if isinstance(given, Iterable) else [given]
    for one in found:
        if not isinstance(one, Symbol) or one.op != "input":
            raise ConfigError(
                f"layer {shown(layer.name)}: input_symbols returns {shown(one)}; expected what ost.Input "
                "makes"
            )
    if not found or len({one.name for one in found}) != len(found):
        raise ConfigError(
            f"layer {shown(layer.name)}: input_symbols returns {shown(found)}; expected inputs of "
            "different names"
        )
    return found
