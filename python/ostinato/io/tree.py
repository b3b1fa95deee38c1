"""Trees of plain values and arrays in the container of model files: the form of checkpoints.

A tree is dicts (with texts as keys), lists, texts, whole numbers, floats, booleans, None, and arrays. Loading
returns an equal tree, bit for bit, including array dtypes and NaN; tuples become lists, and NumPy scalars
become numbers. Reading a file never imports or runs code that the file names.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ostinato import _core
from ostinato.errors import ConfigError, DTypeError, FormatError, shown
from ostinato.network.model_file import json_text
from ostinato.network.record import parse

FORMAT_VERSION: Final = 1
"""Increased by every change that an older reader would misunderstand; old files stay readable."""

CHECKPOINT: Final = "ostinato.checkpoint"
"""The metadata key of a checkpoint."""

# Keys that mark values without a JSON form: {"$array": "place", "dtype": ...}, {"$float": "nan"}.
ARRAY: Final = "$array"
FLOAT: Final = "$float"

# The types of the container, and the container's type for each other type of NumPy.
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


def save_tree(
    path: str | os.PathLike[str], kind: str, tree: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> None:
    """Writes `tree` to `path` under the metadata key `kind`, completely or not at all.

    more: further metadata.

    Raises OSError; ConfigError, naming the place, for a value that a tree cannot hold.
    """
    tensors: list[tuple[str, Any]] = []
    record = {"format_version": FORMAT_VERSION, "tree": _flat(tree, "", tensors, DEEPEST)}
    text = json_text(record, "the checkpoint")
    _core.save_model(os.fspath(Path(path)), {**(more or {}), kind: text}, tensors)


def load_tree(path: str | os.PathLike[str], kind: str, more: Collection[str] = ()) -> dict[str, Any]:
    """The tree that `save_tree` wrote; metadata keys in `more` may be there. Raises OSError, FormatError."""
    if not isinstance(path, (str, os.PathLike)):
        raise DTypeError(f"path is {shown(path)}; expected a text or a Path")
    metadata, tensors = _core.load_model(os.fspath(Path(path)))
    if not {kind} <= set(metadata) <= {kind, *more}:
        raise FormatError(f"{path}: the metadata keys are {sorted(metadata)}; expected {shown(kind)}")
    return read_tree(path, metadata[kind], tensors)


def read_tree(path: Any, text: str, tensors: dict[str, Any]) -> dict[str, Any]:
    """The tree of a text and its tensors, which are removed from `tensors`. Raises FormatError."""
    record = parse(text)
    if not isinstance(record, dict) or set(record) != {"format_version", "tree"}:
        raise FormatError(f"{path}: expected an object with format_version and tree")
    if record["format_version"] != FORMAT_VERSION:
        raise FormatError(
            f"{path}: format_version is {shown(record['format_version'])}; this release reads "
            f"{FORMAT_VERSION}"
        )
    tree = _deep(record["tree"], tensors, DEEPEST)
    if not isinstance(tree, dict) or tensors:
        raise FormatError(f"{path}: the tree does not account for the tensors {sorted(tensors)[:3]}")
    return tree


def _flat(value: Any, place: str, tensors: list[tuple[str, Any]], depth: int) -> Any:
    """The JSON form of `value`; its arrays go to `tensors` under their place."""
    if depth == 0:
        raise ConfigError(f"{place}: a checkpoint holds at most {DEEPEST} levels of dicts and lists")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {FLOAT: repr(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.name not in CARRIERS:
            raise ConfigError(f"{place} is an array of {value.dtype}; expected one of {', '.join(CARRIERS)}")
        # The number distinguishes {"a/b": ...} from {"a": {"b": ...}}.
        name = f"{len(tensors)}:{place}"
        tensors.append((name, np.array(value, dtype=CARRIERS[value.dtype.name], order="C")))
        return {ARRAY: name, "dtype": value.dtype.name}
    if isinstance(value, (list, tuple)):
        return [_flat(one, f"{place}[{n}]", tensors, depth - 1) for n, one in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key in (ARRAY, FLOAT):
                raise ConfigError(
                    f"{place or 'the state'} has the key {shown(key)}; expected a text, not {ARRAY} or "
                    f"{FLOAT}"
                )
        start = f"{place}/" if place else ""
        return {key: _flat(one, f"{start}{key}", tensors, depth - 1) for key, one in value.items()}
    raise ConfigError(
        f"{place} is a {type(value).__name__}, which a checkpoint does not hold; expected numbers, texts, "
        "arrays, None, and lists and dicts of them"
    )


def _deep(value: Any, tensors: dict[str, Any], depth: int) -> Any:
    """The inverse of `_flat`; each array is removed from `tensors`."""
    if depth == 0:
        raise FormatError(f"the tree has more than {DEEPEST} levels")
    if isinstance(value, list):
        return [_deep(one, tensors, depth - 1) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {FLOAT} and value[FLOAT] in ("nan", "inf", "-inf"):
        return float(value[FLOAT])
    if set(value) == {ARRAY, "dtype"}:
        name, dtype = value[ARRAY], value["dtype"]
        if not isinstance(name, str) or name not in tensors or not isinstance(dtype, str):
            raise FormatError(f"the tree names the tensor {shown(name)}, which is not there, or twice")
        array = tensors.pop(name)
        if CARRIERS.get(dtype) != array.dtype.name:
            raise FormatError(f"tensor {shown(name)} is {array.dtype}; {shown(dtype)} does not travel so")
        return array if dtype == array.dtype.name else array.astype(dtype)
    if ARRAY in value or FLOAT in value:
        raise FormatError(f"the tree has the object {shown(value)}")
    return {key: _deep(one, tensors, depth - 1) for key, one in value.items()}
