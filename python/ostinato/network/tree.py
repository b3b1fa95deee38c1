"""Trees of plain values and arrays as JSON values: the form of checkpoints and of metadata.

A tree is dicts (with texts as keys), lists, texts, whole numbers, floats, booleans, None, and arrays. Reading
returns an equal tree, bit for bit, including array dtypes and NaN; tuples become lists, and NumPy scalars
become numbers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, FormatError, a_type, described, shown

# Keys that mark values without a JSON form: {"$array": ..., "dtype": ...}, {"$float": "nan"}.
ARRAY: Final = "$array"
FLOAT: Final = "$float"

# The types of arrays, and the type of the container that holds each.
CARRIERS: Final = {
    "float32": "float32",
    "float64": "float64",
    "float16": "float32",
    "int64": "int64",
    "int32": "int64",
    "int16": "int64",
    "int8": "int64",
    "uint32": "int64",
    "uint16": "int64",
    "uint8": "int64",
    "bool": "int64",
}
DEEPEST: Final = 32


def flat(value: Any, place: str, owner: str, store: Callable[[str, Any], Any], depth: int = DEEPEST) -> Any:
    """The JSON form of `value`; `store(place, array)` is what stands for an array, in its carrier's type.

    Raises ConfigError, naming the place, for a value that a tree cannot hold; owner: what holds the tree.
    """
    if depth == 0:
        raise ConfigError(f"{place}: {owner} holds at most {DEEPEST} levels of dicts and lists")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {FLOAT: repr(value)}
    if isinstance(value, np.ndarray):
        name = value.dtype.name
        if name not in CARRIERS:
            raise ConfigError(f"{place} is an array of {value.dtype}; expected one of {', '.join(CARRIERS)}")
        return {ARRAY: store(place, np.array(value, dtype=CARRIERS[name], order="C")), "dtype": name}
    if isinstance(value, (list, tuple)):
        return [flat(one, f"{place}[{n}]", owner, store, depth - 1) for n, one in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key in (ARRAY, FLOAT):
                raise ConfigError(
                    f"{place or 'the state'} has the key {shown(key)}; expected a text, not {ARRAY} or "
                    f"{FLOAT}"
                )
        start = f"{place}/" if place else ""
        return {key: flat(one, f"{start}{key}", owner, store, depth - 1) for key, one in value.items()}
    raise ConfigError(
        f"{place} is {a_type(value)}, which {owner} does not hold; expected numbers, texts, "
        "arrays, None, and lists and dicts of them"
    )


def deep(value: Any, fetch: Callable[[Any], Any], depth: int = DEEPEST) -> Any:
    """The inverse of `flat`; `fetch` returns the array of what `store` returned. Raises FormatError."""
    if depth == 0:
        raise FormatError(f"the tree has more than {DEEPEST} levels")
    if isinstance(value, list):
        return [deep(one, fetch, depth - 1) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {FLOAT} and value[FLOAT] in ("nan", "inf", "-inf"):
        return float(value[FLOAT])
    if set(value) == {ARRAY, "dtype"}:
        dtype, array = value["dtype"], fetch(value[ARRAY])
        if not isinstance(dtype, str) or CARRIERS.get(dtype) != array.dtype.name:
            raise FormatError(f"an array of {array.dtype}; {shown(dtype)} does not travel so")
        return array if dtype == array.dtype.name else array.astype(dtype)
    if ARRAY in value or FLOAT in value:
        raise FormatError(f"the tree has the object {shown(value)}")
    return {key: deep(one, fetch, depth - 1) for key, one in value.items()}


def json_text(value: Any, owner: str) -> str:
    """A value as JSON, which a file can hold. Raises ConfigError for texts and numbers that it cannot."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{owner} cannot be stored in a file: {described(error)}") from error
    return text
