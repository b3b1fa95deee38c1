"""General-purpose compressors as language models: their bits per character of unseen text."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable

COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME),
    "bzip2": lambda data: bz2.compress(data, 9),
}

# Measured once on the King James text with the same split; PPMd is not in the standard library.
PPMD_KING_JAMES = 1.620


def bits_per_character(compress: Callable[[bytes], bytes], known: str, unseen: str) -> float:
    """Bits per character of `unseen` after `known`: C(known + unseen) - C(known)."""
    both, first = (known + unseen).encode(), known.encode()
    return 8.0 * (len(compress(both)) - len(compress(first))) / len(unseen)
