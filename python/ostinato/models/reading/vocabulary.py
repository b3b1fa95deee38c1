"""Symbols as ids, with one id for those that training did not have."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.cached import cached
from ostinato.errors import ConfigError
from ostinato.models import stored
from ostinato.sequences.arrays import Array

UNKNOWN = 0


@dataclass(frozen=True)
class Vocabulary:
    """Texts with ids from 1 in the order of `symbols`; 0 is the id of any other text."""

    symbols: tuple[str, ...]

    @classmethod
    def of(cls, symbols: Iterable[str], *, least: int = 1) -> Vocabulary:
        """The symbols that occur `least` times. What is rarer is learned as the unknown symbol."""
        counts = Counter(symbols)
        return cls(tuple(sorted(one for one, count in counts.items() if count >= least)))

    @classmethod
    def from_state(cls, name: str, state: Any) -> Vocabulary:
        """The vocabulary of the list in a model file. Raises FormatError."""
        return cls(stored.texts(name, state))

    def __len__(self) -> int:
        """The number of ids, that of unknown symbols included."""
        return len(self.symbols) + 1

    @cached
    def _ids(self) -> dict[str, int]:
        return {one: place for place, one in enumerate(self.symbols, start=1)}

    def encode(self, symbols: Sequence[str]) -> Array:
        """The ids of symbols, (L,) int64."""
        ids = self._ids
        return np.fromiter((ids.get(one, UNKNOWN) for one in symbols), np.int64, len(symbols))


def check_learned(owner: str, name: str, known: Vocabulary, instead: str) -> None:
    """Raises ConfigError for a vocabulary without a symbol. name: of the argument; instead: what helps."""
    if not known.symbols:
        raise ConfigError(
            f"{owner}: no symbol occurs twice in the learned part of {name}, so all of them would be "
            f"unknown; expected {instead}"
        )


def warn_of_strange(owner: str, name: str, rows: Sequence[Array], stacklevel: int, most: float = 0.5) -> None:
    """One warning if more than a fraction `most` of the symbols of a further fit are unknown.

    Fewer are no surprise: a symbol that occurs once in the first fit is unknown in all fits. rows: their ids.
    """
    unknown, total = sum(int((row == UNKNOWN).sum()) for row in rows), sum(map(len, rows))
    if unknown > most * total:
        warnings.warn(
            f"{owner}: {unknown} of {total} symbols of {name} are unknown, because the first fit decides the "
            "symbols; for other ones expected a new estimator",
            stacklevel=stacklevel,
        )
