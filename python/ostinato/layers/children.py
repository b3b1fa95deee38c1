"""What networks that are made of other networks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, FormatError, shown
from ostinato.network.graph import Scope
from ostinato.network.network import Network


def common_settings(layers: Mapping[str, Network]) -> tuple[np.dtype[Any], bool | None]:
    """The dtype and `batch_first` of all layers. Raises ConfigError where they disagree."""
    own = {name: layer for name, layer in layers.items() if not layer.any_width}
    dtypes = {name: layer.dtype.name for name, layer in own.items()}
    dtype = np.dtype(_common("dtype", dtypes) if dtypes else "float32")
    orders = {name: layer.batch_first for name, layer in own.items() if layer.batch_first is not None}
    return dtype, _common("batch_first", orders) if orders else None


def redraw_equal(network: Network, layers: Mapping[str, Network]) -> None:
    """Draws a layer anew that has the initial values of a layer before it: equal layers start differently."""
    before: list[bytes] = []
    for name, (layer, part) in zip(layers, network._parts(network._arena), strict=True):
        if part.size and part.tobytes() in before and is_untouched(layer):
            layer._redraw(part, Scope().inside(name), None)
        before.append(part.tobytes())


def is_untouched(layer: Network) -> bool:
    """Whether the parameters are still those that the layer was made with.

    A container keeps the values that its layers had before they moved in, or has drawn them anew.
    """
    initial = np.zeros_like(layer.arena)
    try:
        layer._redraw(initial, Scope(), None)
    except FormatError:  # loaded from a file that does not know how it was drawn
        return False
    if np.array_equal(initial, layer.arena):
        return True
    inside = list(layer._parts(initial))
    return bool(inside) and all(
        np.array_equal(drawn, child.arena) or is_untouched(child) for child, drawn in inside
    )


def _common(what: str, values: Mapping[str, Any]) -> Any:
    (first, value), *rest = values.items()
    for name, other in rest:
        if other != value:
            raise ConfigError(
                f"{what} is {shown(value)} in layer {shown(first)} and {shown(other)} in layer "
                f"{shown(name)}; expected one"
            )
    return value
