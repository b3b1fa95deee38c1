"""`metadata`: values of the caller's own that travel with a network, in copies and in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, FormatError, shown

METADATA_KEY: Final = "ostinato.metadata"
"""The key of a model file that holds them."""

# The types of inline arrays, by the kind of their numbers.
_NUMBERS: Final = {"float32": float, "float64": float, "int64": int}


class HasMetadata:
    """A network with values of the caller's own."""

    @property
    def metadata(self) -> dict[str, Any]:
        """Your own values: the labels of classes, the scaling of inputs, a vocabulary.

        A dict with texts as keys, of numbers, texts, arrays, None, and lists and dicts of them. `save` writes
        it into the model file and `ostinato.load` reads it back, as do copies and checkpoints. Nothing in it
        changes what the network computes. Assigning checks it: ConfigError for a value that a file cannot
        hold.
        """
        found: dict[str, Any] = vars(self).setdefault("_metadata", {})
        return found

    @metadata.setter
    def metadata(self, values: Mapping[str, Any]) -> None:
        metadata_text(values)
        vars(self)["_metadata"] = dict(values)


def metadata_text(values: Mapping[str, Any]) -> str:
    """Metadata as JSON. Raises ConfigError for values that a file cannot hold."""
    if not isinstance(values, Mapping):
        raise ConfigError(f"metadata is {shown(values)}; expected a dict with texts as keys")
    from ostinato.network.tree import flat, json_text  # most programs write no file

    return json_text(flat(values, "metadata", "a model file", _inline), "metadata")


def read_metadata(text: str) -> dict[str, Any]:
    """The metadata of a model file. Raises FormatError."""
    from ostinato.network.record import parse
    from ostinato.network.tree import deep

    found = deep(parse(text), _array)
    if not isinstance(found, dict) or not found:
        raise FormatError("the metadata is no object with at least one key")
    return found


def _inline(place: str, array: Any) -> dict[str, Any]:
    """An array as its shape and a list of its numbers; texts for those without a JSON form."""
    numbers = [one if one == one and abs(one) != np.inf else repr(one) for one in array.ravel().tolist()]
    return {"type": array.dtype.name, "shape": list(array.shape), "numbers": numbers}


def _array(value: Any) -> Any:
    """The inverse of `_inline`. Raises FormatError."""
    try:
        kind, shape, numbers = value["type"], value["shape"], value["numbers"]
        read = _NUMBERS[kind]
        if len(value) != 3 or not all(type(one) is int and one >= 0 for one in shape):
            raise FormatError(f"the metadata has the array {shown(value)}")
        if not all(type(one) is read or (read is float and one in ("nan", "inf", "-inf")) for one in numbers):
            raise FormatError(f"the metadata has an array of {kind} with other values")
        return np.array([read(one) for one in numbers], kind).reshape(shape)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"the metadata has the array {shown(value)}") from error
