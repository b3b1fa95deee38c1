"""Sequences of symbols: texts, lists of texts, lists of whole numbers; and back to the form they came in."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.models import stored
from ostinato.models.reading.vocabulary import UNKNOWN, Vocabulary, check_learned
from ostinato.sequences.arrays import Array
from ostinato.sequences.containers import is_frame, is_series

LEVELS: Final = ("character", "word")

LARGEST: Final = 2**63 - 1

TEXT: Final = "texts"
WORDS: Final = "lists of texts"
NUMBERS: Final = "lists of whole numbers"
ARRAYS: Final = "arrays of numbers"
"""Sequences of features, which are no symbols."""


@dataclass(frozen=True, eq=False)
class Symbols:
    """Rows of symbols, none empty, and the form in which they came: TEXT, WORDS or NUMBERS.

    Whole numbers are held as their decimal texts.
    """

    rows: list[list[str]]
    form: str

    def __len__(self) -> int:
        return len(self.rows)


def check_level(owner: str, level: str, **forms: str) -> None:
    """Raises ConfigError for words where nothing given is a text. forms: of what is given, by name."""
    if level == "word" and TEXT not in forms.values():
        found = " and ".join(f"{name} is a list of {form}" for name, form in forms.items())
        raise ConfigError(
            f"{owner}: level is 'word', which divides texts, but {found}; omit it, or pass texts"
        )


def holds_symbols(given: Any, otherwise: bool = False) -> bool:
    """Whether the first row that is one is a text, or holds texts or whole numbers, and no features.

    otherwise: the answer if there is no such row: of an empty list, or of missing values alone. A row that
    is an empty text is one of symbols all the same.
    """
    if isinstance(given, (str, bytes)):
        return True
    rows = _in_list(given)
    if is_frame(rows) or not _is_list(rows):
        return False
    for row in rows:
        if not _is_missing(row):
            return _form_of(row) is not None
    return otherwise or any(isinstance(row, str) for row in rows)


def read_symbols(owner: str, name: str, given: Any, level: str) -> Symbols:
    """Reads rows of symbols. Raises DTypeError, ShapeError, ConfigError that name row and place.

    given: a list of texts, each a row of its characters or, with level="word", its words; a list of lists of
    texts; or a list of lists of whole numbers.
    """
    if isinstance(given, (str, bytes)):
        raise DTypeError(f"{owner}: {name} is the text {shown(given)}; expected a list of texts: [text]")
    rows = _in_list(given)
    if not _is_list(rows) or is_frame(rows):
        raise DTypeError(
            f"{owner}: {name} is {shown(given)}; expected a list of texts, or of lists of symbols"
        )
    if not len(rows):
        raise ShapeError(f"{owner}: {name} has 0 sample(s), no sequence; expected at least one")
    made: list[list[str]] = []
    form: str | None = None
    for n, row in enumerate(rows):
        place = f"{name}[{n}]"
        if _is_empty(row):
            raise ShapeError(f"{owner}: {place} is empty; expected at least one symbol: leave it out")
        own = _form_of(row)
        if own is None:
            raise DTypeError(f"{owner}: {place} is {shown(row)}; {_wrong(row)}expected {form or _EXPECTED}")
        form = own if form is None else form
        if own != form:
            raise DTypeError(f"{owner}: {place} is {shown(row)}, one of {own}; {name}[0] is one of {form}")
        made.append(_read(owner, place, row, own, level))
    assert form is not None
    return Symbols(made, form)


_EXPECTED: Final = "a text, a list of texts, or a list of whole numbers"


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _in_list(given: Any) -> Any:
    """The rows of a Series; anything else as it is."""
    return list(given.to_numpy()) if is_series(given) else given


def _is_missing(row: Any) -> bool:
    """Whether a row is a gap of a column, such as None, NaN or pandas.NA, or is empty."""
    return row is None or _is_empty(row) or type(row).__name__ == "NAType" or _is_nan(row)


def _is_nan(row: Any) -> bool:
    return isinstance(row, (float, np.floating)) and bool(np.isnan(row))


def _is_empty(row: Any) -> bool:
    return (isinstance(row, str) or _is_list(row)) and len(row) == 0


def _form_of(row: Any) -> str | None:
    """The form of a row by its first symbol; None for anything else."""
    if isinstance(row, str):
        return TEXT
    if is_frame(row) or not _is_list(row) or not len(row) or np.ndim(row[0]) > 0:
        return None
    if isinstance(row[0], str):
        return WORDS
    return NUMBERS if _is_whole(row[0]) else None


def _is_whole(one: Any) -> bool:
    return isinstance(one, (int, np.integer)) and not isinstance(one, bool)


def _wrong(row: Any) -> str:
    """What a row holds instead of symbols."""
    if _is_list(row) and len(row) and isinstance(row[0], (float, np.floating, bool, np.bool_)):
        return f"a symbol is a text or a whole number, and {row[0]!r} is neither; "
    return ""


def _read(owner: str, place: str, row: Any, form: str, level: str) -> list[str]:
    if form == TEXT:
        found = list(row) if level == "character" else row.split()
        if not found:
            raise ShapeError(f"{owner}: {place} is {shown(row)}, which has no word; leave it out")
        return found
    made = []
    for k, one in enumerate(row):
        fits = isinstance(one, str) if form == WORDS else _is_whole(one)
        if not fits:
            kind = "a text" if form == WORDS else "a whole number"
            raise DTypeError(f"{owner}: {place} has {shown(one)} at place {k}; expected {kind}")
        if form == WORDS and not one:
            raise ConfigError(f"{owner}: {place}[{k}] is empty; expected a symbol")
        if form == NUMBERS and abs(int(one)) > LARGEST:
            raise ConfigError(f"{owner}: {place}[{k}] is {shown(one)}; expected a number below 2^63")
        made.append(str(one))
    return made


@dataclass(frozen=True)
class Lexicon:
    """The symbols of one side as ids, in the form in which training had them.

    Symbols that occur once in training are learned as unknown ones, id 0.
    """

    vocabulary: Vocabulary
    form: str
    level: str

    @classmethod
    def of(cls, symbols: Symbols, level: str) -> Lexicon:
        """The lexicon of training rows."""
        return cls(Vocabulary.of((one for row in symbols.rows for one in row), least=2), symbols.form, level)

    def __len__(self) -> int:
        return len(self.vocabulary)

    def check(self, owner: str, name: str, more: str = "") -> None:
        """Raises ConfigError if no symbol is known. more: what is expected in place of more sequences."""
        words = ", or level='character'" if self.form == TEXT and self.level == "word" else ""
        check_learned(owner, name, self.vocabulary, f"more sequences{words}{more}")

    def read(self, owner: str, name: str, given: Any) -> Symbols:
        """Rows in the form of training. Raises DTypeError for another form, and as `read_symbols`."""
        found = read_symbols(owner, name, given, self.level)
        if found.form != self.form:
            raise DTypeError(f"{owner}: {name} is a list of {found.form}; the first fit had {self.form}")
        return found

    def encode(self, rows: Sequence[Sequence[str]]) -> list[Array]:
        """The ids of each row."""
        return [self.vocabulary.encode(row) for row in rows]

    def joined(self, symbols: list[str]) -> Any:
        """Symbols as a text, a list of texts or a list of whole numbers."""
        if self.form == TEXT:
            return ("" if self.level == "character" else " ").join(symbols)
        return [int(one) for one in symbols] if self.form == NUMBERS else symbols

    def state(self) -> dict[str, Any]:
        """For a model file."""
        return {"symbols": list(self.vocabulary.symbols), "form": self.form, "level": self.level}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Lexicon:
        """The inverse of `state`. Raises FormatError."""
        form = stored.choice("form", state["form"], (TEXT, WORDS, NUMBERS))
        level = stored.choice("level", state["level"], LEVELS)
        return cls(Vocabulary.from_state("symbols", state["symbols"]), form, level)


def warn_of_unknown(owner: str, name: str, rows: Sequence[Array], stacklevel: int) -> None:
    """One warning that counts the symbols which training did not have."""
    unknown = sum(int((row == UNKNOWN).sum()) for row in rows)
    if unknown:
        total = sum(map(len, rows))
        warnings.warn(f"{owner}: {unknown} of {total} symbols of {name} are unknown", stacklevel=stacklevel)
