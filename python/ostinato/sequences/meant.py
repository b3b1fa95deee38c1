"""Targets whose shape shows what is meant: one-hot classes, and one target for each row of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.errors import ShapeError


def refuse_one_hot(name: str, value: Any, axes: tuple[int, ...], limit: int) -> None:
    """Raises ShapeError for an array (*axes, limit) where ids `axes` are expected: one-hot classes."""
    shape = value.shape if isinstance(value, np.ndarray) else ()
    if shape == (*axes, limit):
        raise ShapeError(
            f"{name} is {shape}; expected {axes}, ids from 0 to {limit - 1}. "
            "If the classes are one-hot, write .argmax(-1)"
        )


def one_per_row(name: str, shape: tuple[int, ...], rows: int, trailing: tuple[int, ...]) -> str:
    """A hint, as the end of a message, for targets of rows where targets of steps are expected; or ""."""
    if "targets" not in name or shape != (rows, *trailing):
        return ""
    return "; for one target per row, reduce the sequence in the network, such as with ost.Last()"
