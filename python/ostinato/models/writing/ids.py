"""What a network writes, as ids: 0 ends a sequence, 1 stands for unknown symbols, then those of a lexicon.

A lexicon alone, without an end, has ids that are one less: those of what a network reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ostinato.models.reading import vocabulary
from ostinato.models.writing.symbols import Lexicon, Symbols, warn_of_unknown
from ostinato.sequences.arrays import Array

END: Final = 0
"""The id that ends a sequence, and with which it begins as an input."""
SHIFT: Final = 1
"""What an id is above that of the lexicon."""
UNKNOWN: Final = vocabulary.UNKNOWN + SHIFT
"""The id of symbols that training did not have."""


def number_of_ids(known: Lexicon) -> int:
    """How many ids there are, the end and the unknown symbol included."""
    return SHIFT + len(known)


def ids_of(known: Lexicon, rows: Sequence[Sequence[str]]) -> list[Array]:
    """The ids (L,) of each row, without an end."""
    return [row + SHIFT for row in known.encode(rows)]


def targets_of(known: Lexicon, wanted: Symbols) -> list[Array]:
    """The ids (L + 1,) of each row, with an end."""
    return [np.append(row, END) for row in ids_of(known, wanted.rows)]


def inputs_of(targets: Sequence[Array]) -> list[Array]:
    """What each step reads to write targets: the target of the step before; the first reads an end."""
    return [np.append(END, row[:-1]) for row in targets]


def symbols_of(known: Lexicon, ids: Sequence[int]) -> list[str]:
    """The symbols of ids without an end; "" for the unknown symbol."""
    symbols = known.vocabulary.symbols
    return ["" if one == UNKNOWN else symbols[one - UNKNOWN - 1] for one in ids]


def warn_of_unknown_targets(owner: str, name: str, targets: Sequence[Array], stacklevel: int) -> None:
    """`warn_of_unknown` of targets, whose ends do not count."""
    warn_of_unknown(owner, name, [row[:-1] - SHIFT for row in targets], stacklevel + 1)
