"""`Sequential`: one layer after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers.children import common_settings, redraw_equal
from ostinato.layers.regularized import Regularized
from ostinato.network.arena import Array
from ostinato.network.graph import Graph, Node, Scope
from ostinato.network.network import Network
from ostinato.plugins.registry import registry
from ostinato.regularizer import Regularizer
from ostinato.suggest import item

if TYPE_CHECKING:  # Most programs read no model file.
    from ostinato.network.programs import Programs
    from ostinato.network.record import Record


class Sequential(Network):
    """Layers in a row: `Sequential(a, b)`, `Sequential([a, b])` or `Sequential({"rnn": a, "head": b})`.

    A regularizer may stand between them, as in `Sequential(GRU(3, 8), Dropout(0.3), Dense(8, 2))`, and the
    name of a layer that has no required options, such as "last".

    Parameters and states are named as PyTorch names them, with the place or the given name before a dot:
    `0.weight_ih_l0`, `rnn.h`. The layers move in: from now on their parameters are views into this
    network's arena, and they can still be run alone. A layer has one place only.

    seed: a number draws all parameters anew, each from a stream of its own that depends on the seed and the
    full name. None keeps the parameters that the layers have, but for a layer that still has its initial
    values, and those of a layer before it: it is drawn anew in that manner, so that equal layers start
    differently.

    Raises ShapeError when neighbors do not fit, ConfigError when they disagree on dtype or batch_first.
    """

    kind = "sequential"
    _fixed = ("layers",)

    def __init__(self, *layers: Any, seed: int | None = None) -> None:
        if seed is not None:
            checks.whole("Sequential", "seed", seed, at_least=0)
        self._fill(_named(layers))
        if seed is None:
            redraw_equal(self, self.layers)
        else:
            self._redraw(self._arena, Scope(), seed)

    def _fill(self, layers: dict[str, Network]) -> None:
        if not layers:
            raise ConfigError("Sequential has no layers; expected at least one")
        self.layers = layers
        begins = next(iter(layers.values()))
        # Regularizers pass on the width that the first layer after them takes.
        first = next((one for one in layers.values() if not isinstance(one, Regularized)), begins)
        if first.takes_ids and first is not begins:
            raise ConfigError(
                f"Sequential begins with {shown(begins)}, but {shown(first)} takes ids, which no "
                "regularizer changes; "
                "put it after that layer"
            )
        if first.any_width:
            raise ConfigError(
                f"Sequential begins with {shown(begins)}, which has no width of its own; put a layer "
                "before it"
            )
        self.takes_ids, self.input_size = first.takes_ids, first.input_size
        self.dtype, self.batch_first = common_settings(layers)
        self._set_up()

    def __getitem__(self, name: str | int) -> Network:
        """The layer of this name or place."""
        return item("layer", self.layers, name)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        if all(name == str(place) for place, name in enumerate(self.layers)):
            return f"Sequential({', '.join(map(repr, self.layers.values()))})"
        inside = ", ".join(f"{name!r}: {layer!r}" for name, layer in self.layers.items())
        return f"Sequential({{{inside}}})"

    def _assemble(self, graph: Graph, x: Node, scope: Scope) -> Node:
        before = ""
        for name, layer in self.layers.items():
            if before and layer.takes_ids:
                raise ConfigError(
                    f"layer {shown(name)}, {shown(layer)}, takes ids, so it can only come first"
                )
            if before and not layer.any_width and layer.input_size != x.width:
                raise ShapeError(
                    f"layer {shown(name)}, {shown(layer)}, takes {layer.input_size} features; "
                    f"layer {shown(before)} gives {x.width}"
                )
            x = layer._assemble(graph, x, scope.inside(name))
            before = name
        return x

    def _children(self) -> list[Network]:
        return list(self.layers.values())

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        for name, (layer, part) in zip(self.layers, self._parts(values), strict=True):
            layer._redraw(part, scope.inside(name), seed)

    def _record(self, programs: Programs) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "layers": [[name, layer._record(programs)] for name, layer in self.layers.items()],
        }

    @classmethod
    def _restore(cls, record: Record, programs: Programs) -> Sequential:
        layers: dict[str, Network] = {}
        for name, inner in record.named("layers"):
            layers[name] = programs.network(inner)
        record.done()
        self = cls.__new__(cls)
        self._fill(_checked(layers))
        return self


def _named(layers: tuple[Any, ...]) -> dict[str, Network]:
    if len(layers) == 1 and not isinstance(layers[0], (Network, Regularizer)):
        (inside,) = layers
        if isinstance(inside, Mapping):
            return _checked(dict(inside))
        if isinstance(inside, Iterable) and getattr(inside, "ndim", None) != 0:
            layers = tuple(inside)
    return _checked({str(place): layer for place, layer in enumerate(layers)})


def _checked(layers: dict[str, Any]) -> dict[str, Network]:
    for name, layer in layers.items():
        argument = f"layer {name!r}"
        if isinstance(layer, type) and issubclass(layer, Regularizer):
            layer = registry.make("regularizer", layer, Regularizer, argument=argument)
        if isinstance(layer, Regularizer):
            layers[name] = Regularized(layer)
        elif not isinstance(layer, Network):
            base: type[Any] = Network
            layers[name] = registry.make("layer", layer, base, argument=argument)
        if not isinstance(name, str) or not name or "." in name:
            raise ConfigError(f"layer name {shown(name)}; expected a text without dots")
    return layers
