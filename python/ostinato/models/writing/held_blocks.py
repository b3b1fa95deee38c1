"""The parts of a text that are held out: blocks all over the text, because its end may be of another kind."""

from __future__ import annotations

from typing import Final

import numpy as np

from ostinato.errors import ConfigError
from ostinato.sequences.arrays import Array

BLOCKS: Final = 10
SHORTEST: Final = 50
"""Symbols of a block, if there are several: its first symbols follow others than those of the text."""
LEAST: Final = 2
"""Symbols of which one can be measured, or learned."""


def held_blocks(owner: str, symbols: int, wanted: int) -> Array:
    """Which symbols of a text are held out, (symbols,) bool: the middle of each of up to 10 equal parts.

    wanted: their number; at least 2 are held out. Raises ConfigError for a text that is too short.
    """
    wanted = max(LEAST, wanted)
    if symbols - wanted < LEAST:
        raise ConfigError(
            f"{owner}: text has {symbols} symbols, too few to hold out {wanted}; expected more, or "
            "early_stopping=False"
        )
    blocks = min(BLOCKS, max(1, wanted // SHORTEST))
    places = np.arange(blocks + 1)
    edges, sizes = places * symbols // blocks, np.diff(places * wanted // blocks)
    held = np.zeros(symbols, bool)
    for start, end, size in zip(edges[:-1], edges[1:], sizes, strict=True):
        first = (start + end - size) // 2
        held[first : first + size] = True
    return held
