"""Checks of the values in a model file: a FormatError names a value that no `save` writes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ostinato.checks import LARGEST_COUNT
from ostinato.errors import FormatError, shown
from ostinato.network import Network
from ostinato.sequences.arrays import Array

Widths = tuple[Mapping[str, int], int]
"""Of a network: the ids or features of inputs by name, 0 for none, and the features of each output."""


def wrong(name: str, value: Any, expected: str) -> FormatError:
    """The error for a value."""
    return FormatError(f"{name} of the estimator is {shown(value)}; expected {expected}")


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise wrong(name, value, "True or False")
    return value


def whole(name: str, value: Any, *, at_least: int = 0, at_most: int = LARGEST_COUNT) -> int:
    """An integer in these limits."""
    if not isinstance(value, int) or isinstance(value, bool) or not at_least <= value <= at_most:
        raise wrong(name, value, f"an integer from {at_least} to {at_most}")
    return value


def number(name: str, value: Any, *, above: float = -math.inf) -> float:
    """A finite number above a limit."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise wrong(name, value, "a number")
    if not (math.isfinite(value) and value > above):
        raise wrong(name, value, "a finite number" if above == -math.inf else f"a number above {above:g}")
    return float(value)


def choice(name: str, value: Any, choices: Sequence[str]) -> str:
    """One of these texts."""
    if not isinstance(value, str) or value not in choices:
        raise wrong(name, value, f"one of {', '.join(map(repr, choices))}")
    return value


def texts(name: str, value: Any) -> tuple[str, ...]:
    """A list of texts, none empty and none twice."""
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise wrong(name, value, "a list of texts, none empty")
    if len(set(value)) != len(value):
        raise wrong(name, value, "each text once")
    return tuple(value)


def ids(name: str, value: Any) -> list[Any]:
    """A list of names of series, texts or numbers, none twice and at least one."""
    plain = isinstance(value, list) and all(isinstance(one, (str, int, float)) for one in value)
    if not plain or not value or len(set(value)) != len(value):
        raise wrong(name, value, "a list of names, each once")
    return list(value)


def floats(name: str, value: Any, *shape: int | None, above: float = -math.inf) -> Array:
    """An array float64 of this shape, None for any size above 0, of finite numbers above a limit."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise wrong(name, value, "an array of numbers")
    fits = value.ndim == len(shape) and all(
        size > 0 and wanted in (None, size) for size, wanted in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise wrong(name, value, f"({', '.join('any' if one is None else str(one) for one in shape)})")
    found: Array = value.astype(np.float64)
    if not (np.isfinite(found) & (found > above)).all():
        raise wrong(name, value, f"finite numbers{'' if above == -math.inf else f' above {above:g}'}")
    return found


def check_network(net: Network, widths: Widths) -> None:
    """Raises FormatError for a network that what the estimator has learned does not fit."""
    inputs, width = widths
    found = {name: one.ids or one.size for name, one in net.inputs.items()}
    for name, wanted in inputs.items():
        if found.get(name, 0) != wanted:
            raise FormatError(
                f"the network reads {found.get(name, 0)} ids or features as {shown(name)}; those of the "
                f"estimator are {wanted}"
            )
    for name, one in net.outputs.items():
        if one.size != width:
            raise FormatError(
                f"the network has {one.size} features in {shown(name)}; those of the estimator are {width}"
            )
