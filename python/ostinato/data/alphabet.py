"""Characters as ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.sequences.arrays import as_integers

Ids = npt.NDArray[np.int64]


class Alphabet(AttributeGuard):
    """The different characters of a text, each with its id 0..V-1 in code point order.

    characters: any text or iterable of characters; repeats are dropped. Raises ConfigError if it is empty.
    """

    _fixed = ("characters",)

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = "".join(sorted(set(_texts(characters))))
        if not self.characters:
            raise ConfigError("characters is empty; an alphabet has at least one character")
        self._points = np.array([ord(character) for character in self.characters], dtype=np.int64)

    def __repr__(self) -> str:
        return call(self, self.characters)

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Ids:
        """The ids (len(text),) of a text. Raises ConfigError naming a character that the alphabet lacks."""
        # Texts have millions of characters: one search over an array, not a dict look-up per character.
        if not isinstance(text, str):
            raise DTypeError(f"encode: text is {shown(text)}; expected a text")
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
        ids = np.searchsorted(self._points, points)
        known = self._points[np.minimum(ids, len(self) - 1)] == points
        if not known.all():
            unknown = text[int(np.argmin(known))]
            raise ConfigError(
                f"text has the character {shown(unknown)}, which is not in the alphabet "
                f"{shown(self.characters)}"
            )
        return ids.astype(np.int64)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids. Raises ConfigError if one is outside 0..V-1."""
        array = as_integers("decode: ids", list(ids) if isinstance(ids, Iterator) else ids)
        if array.ndim != 1:
            raise ShapeError(f"decode: ids is {array.shape}; expected (L,)")
        numbers = array.tolist()
        outside = [number for number in numbers if not 0 <= number < len(self)]
        if outside:
            raise ConfigError(
                f"decode: ids has {outside[0]}, which is outside the alphabet; expected 0..{len(self) - 1}"
            )
        return "".join(self.characters[number] for number in numbers)


def _texts(characters: Iterable[str]) -> list[str]:
    """The characters one by one. Raises DTypeError for anything but a text or an iterable of texts."""
    try:
        found: list[Any] = list(characters)
    except Exception:
        found = [None]
    if not all(isinstance(one, str) and one for one in found):
        raise DTypeError(
            f"characters is {shown(characters)}; expected a text, or characters in a list or set"
        )
    return [character for text in found for character in str(text)]
