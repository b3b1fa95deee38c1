"""Arrays by name: whether they are bit-identical, how much they differ, and their memory layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.testing.runner import Failed

Array = NDArray[Any]
Arrays = dict[str, Array]


def copies(arrays: Mapping[str, Array]) -> Arrays:
    """Copies, by name."""
    return {name: value.copy() for name, value in arrays.items()}


def differing(first: Mapping[str, Array], second: Mapping[str, Array]) -> list[str]:
    """Names of the arrays whose shape, type or bits differ."""
    names = [*first, *(name for name in second if name not in first)]
    return [name for name in names if not same_bits(first.get(name), second.get(name))]


def same(first: Mapping[str, Array], second: Mapping[str, Array], message: str) -> None:
    """Raise Failed with the text `message` if bits differ; {} in the text becomes the names that differ."""
    names = differing(first, second)
    if names:
        raise Failed(message.replace("{}", ", ".join(names)))


def near(first: Mapping[str, Array], second: Mapping[str, Array], allowed: float, message: str) -> None:
    """Raise Failed if two arrays differ by more than `allowed`, relative to the largest number, or to 1.

    {} in the text `message` becomes the name of the array.
    """
    for name, value in first.items():
        scale = max(1.0, float(np.abs(value).max(initial=0.0)))
        apart = float(np.abs(value - second[name]).max(initial=0.0))
        if not apart <= allowed * scale:
            raise Failed(f"{message.replace('{}', name)}: they are {apart:.3g} apart")


def same_bits(a: Array | None, b: Array | None) -> bool:
    """Whether two arrays have the same shape, type and bits."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def refused(name: str, call: Callable[[], Any]) -> None:
    """Raise Failed unless the call, which `name` describes, raises ShapeError, DTypeError or ConfigError."""
    try:
        call()
    except (ShapeError, DTypeError, ConfigError):
        return
    except Exception as error:
        got = f"{type(error).__name__} ({error})"
        raise Failed(f"{name}: {got}; expected a ShapeError, DTypeError or ConfigError") from error
    raise Failed(f"{name}: is accepted; expected a ShapeError, DTypeError or ConfigError")


def _strided(array: Array) -> Array:
    wide: Array = np.full((*array.shape[:-1], 2 * array.shape[-1]), np.nan, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _reversed(array: Array) -> Array:
    backwards: Array = array[::-1].copy()
    return backwards[::-1]


def _misaligned(array: Array) -> Array:
    buffer = bytearray(array.nbytes + 1)
    shifted: Array = np.frombuffer(buffer, array.dtype, count=array.size, offset=1).reshape(array.shape)
    shifted[...] = array
    return shifted


def _read_only(array: Array) -> Array:
    frozen: Array = array.copy()
    frozen.setflags(write=False)
    return frozen


LAYOUTS: Final[Mapping[str, Callable[[Array], Array]]] = {
    "strided": _strided,
    "reversed": _reversed,
    "transposed": np.asfortranarray,
    "misaligned": _misaligned,
    "read-only": _read_only,
}
