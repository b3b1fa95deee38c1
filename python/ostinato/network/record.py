"""`Record`: reads JSON strictly; any difference from the expected form is a FormatError."""

from __future__ import annotations

import json
from typing import Any, Final

from ostinato.errors import FormatError, shown
from ostinato.plugins.entry import Provider

# Options of a cell are plain values; more levels of lists and dicts are not expected.
DEEPEST_OPTION: Final = 8


def parse(text: str) -> Any:
    """The value of a JSON text.

    Raises FormatError for repeated keys, NaN, infinities and texts that are no JSON.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"model description is not valid: {error}") from error


class Record:
    """One JSON object, read key by key.

    Each method raises FormatError when its key is absent or of another type.
    """

    def __init__(self, value: Any, place: str) -> None:
        if not isinstance(value, dict):
            raise FormatError(f"model description: {place} is {_kind(value)}; expected an object")
        self._left: dict[str, Any] = dict(value)
        self.place = place

    def error(self, what: str) -> FormatError:
        """The error for `what` was found here."""
        return FormatError(f"model description: {self.place} has {what}")

    def done(self) -> None:
        """Raises FormatError for a key that was not read."""
        if self._left:
            raise self.error(f"the unknown key {shown(next(iter(self._left)))}")

    def has(self, key: str) -> bool:
        """Whether an optional key is there."""
        return key in self._left

    def text(self, key: str) -> str:
        """A string."""
        value = self._take(key)
        if not isinstance(value, str):
            raise self._wrong(key, value, "a text")
        return value

    def optional_text(self, key: str) -> str | None:
        """A string or null."""
        value = self._take(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong(key, value, "a text or null")
        return value

    def whole(self, key: str) -> int:
        """An integer of at least 0."""
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._wrong(key, value, "a whole number of at least 0")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._wrong(key, value, "true or false")
        return value

    def inner(self, key: str) -> Record:
        """An object."""
        return Record(self._take(key), f"{self.place}.{key}")

    def items(self, key: str) -> list[Any]:
        """A list."""
        value = self._take(key)
        if not isinstance(value, list):
            raise self._wrong(key, value, "a list")
        return value

    def objects(self, key: str) -> list[Record]:
        """A list of objects."""
        return [Record(item, f"{self.place}.{key}[{n}]") for n, item in enumerate(self.items(key))]

    def lists(self, key: str) -> list[list[Record]]:
        """A list of lists of objects."""
        rows = []
        for n, row in enumerate(self.items(key)):
            if not isinstance(row, list):
                raise self._wrong(key, row, "lists")
            rows.append([Record(item, f"{self.place}.{key}[{n}][{m}]") for m, item in enumerate(row)])
        return rows

    def named(self, key: str) -> list[tuple[str, Record]]:
        """A list of pairs of a name and an object; no name occurs twice."""
        pairs: dict[str, Record] = {}
        for n, pair in enumerate(self.items(key)):
            if (
                not isinstance(pair, list)
                or len(pair) != 2
                or not isinstance(pair[0], str)
                or pair[0] in pairs
            ):
                raise self._wrong(key, pair, "pairs of a name of its own and an object")
            pairs[pair[0]] = Record(pair[1], f"{self.place}.{key}[{n}]")
        return list(pairs.items())

    def texts(self, key: str) -> dict[str, str | None]:
        """An object whose values are strings or null."""
        value = self._take(key)
        if not isinstance(value, dict) or not all(
            one is None or isinstance(one, str) for one in value.values()
        ):
            raise self._wrong(key, value, "an object of texts")
        return value

    def options(self, key: str) -> dict[str, Any]:
        """An object of plain values."""
        value = self._take(key)
        if not isinstance(value, dict) or not all(map(is_plain, value.values())):
            raise self._wrong(key, value, "an object of plain values")
        return value

    def provider(self, key: str) -> Provider | None:
        """Who provided a name: an object of id, distribution and version, or null."""
        if key in self._left and self._left[key] is None:
            self._take(key)
            return None
        return self.inner(key).read_provider()

    def read_provider(self) -> Provider:
        """This object as a provider: id, distribution and version."""
        provider = Provider(self.text("id"), self.text("distribution"), self.text("version"))
        self.done()
        return provider

    def _take(self, key: str) -> Any:
        if key not in self._left:
            raise self.error(f"no {shown(key)}")
        return self._left.pop(key)

    def _wrong(self, key: str, value: Any, expected: str) -> FormatError:
        return FormatError(f"model description: {self.place}.{key} is {_kind(value)}; expected {expected}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has a key twice")
    return made


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def is_plain(value: Any, depth: int = DEEPEST_OPTION) -> bool:
    """Whether lists and dicts are not deeper within each other than a file holds options."""
    if isinstance(value, list):
        return depth > 1 and all(is_plain(one, depth - 1) for one in value)
    if isinstance(value, dict):
        return depth > 1 and all(is_plain(one, depth - 1) for one in value.values())
    return True


def _kind(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"a {type(value).__name__}"
