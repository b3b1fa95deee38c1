"""Values that are wrong for most arguments, each made anew: a caller may change or use up what it is "
"given."""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import numpy as np

import ostinato as ost

HUGE: Final = 10**5000  # has more digits than Python prints


class Unprintable:
    """Raises when it is printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class NotAnArray:
    """Raises when NumPy converts it."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("no array")


class Endless:
    """Says that it has -1 elements, and has no end."""

    def __len__(self) -> int:
        return -1

    def __getitem__(self, place: Any) -> Any:
        raise KeyError(place)


class Incomparable:
    """Raises when it is compared."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")


def _ragged() -> Any:
    rows = np.empty(2, object)
    rows[:] = [np.zeros((3, 2)), None]
    return rows


VALUES: Final[dict[str, Callable[[], Any]]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "np.True_": lambda: np.True_,
    "0": lambda: 0,
    "-1": lambda: -1,
    "-1.5": lambda: -1.5,
    "0.5": lambda: 0.5,
    "1e300": lambda: 1e300,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "1j": lambda: 1j,
    "2**63": lambda: 2**63,
    "2**64": lambda: 2**64,
    "10**400": lambda: 10**400,
    "10**5000": lambda: HUGE,
    "-10**5000": lambda: -HUGE,
    "Fraction": lambda: fractions.Fraction(HUGE, 3),
    "Decimal": lambda: decimal.Decimal("NaN"),
    "date": lambda: datetime.date(2020, 1, 1),
    "''": lambda: "",
    "'x'": lambda: "x",
    "'\\0'": lambda: "\0",
    "surrogate": lambda: "\udc80",
    "long text": lambda: "a" * 10_000,
    "b'x'": lambda: b"x",
    "bytearray": lambda: bytearray(b"xy"),
    "Path": lambda: pathlib.PurePosixPath("/nowhere/at/all"),
    "[]": lambda: [],
    "[1]": lambda: [1],
    "[None]": lambda: [None],
    "['x']": lambda: ["x"],
    "[HUGE]": lambda: [HUGE],
    "uneven": lambda: [[1], [1, 2]],
    "[[[]]]": lambda: [[[]]],
    "()": lambda: (),
    "(None, None)": lambda: (None, None),
    "{}": lambda: {},
    "{'x': 1}": lambda: {"x": 1},
    "{1: None}": lambda: {1: None},
    "set": lambda: {1, 2},
    "frozenset": lambda: frozenset(),
    "range": lambda: range(3),
    "slice": lambda: slice(0, -1, 0),
    "Ellipsis": lambda: ...,
    "generator": lambda: (one for one in (1, None)),
    "object": lambda: object(),
    "namespace": lambda: SimpleNamespace(x=1, lr="a"),
    "exception": lambda: ValueError("e"),
    "type": lambda: int,
    "function": lambda: lambda *_, **__: None,
    "raising": lambda: lambda: 1 / 0,
    "module": lambda: np,
    "LSTM": lambda: ost.LSTM,
    "network": lambda: ost.Dense(1, 1),
    "cell": lambda: ost.Cell(),
    "symbol": lambda: ost.Input("x", size=2),
    "np.int64(-1)": lambda: np.int64(-1),
    "np.float32(nan)": lambda: np.float32("nan"),
    "zeros(0)": lambda: np.zeros(0),
    "zeros((2, 3))": lambda: np.zeros((2, 3)),
    "zeros(())": lambda: np.zeros(()),
    "zeros 4-d": lambda: np.zeros((1, 1, 1, 1)),
    "array of nan": lambda: np.full((2, 3, 2), np.nan),
    "array of -1": lambda: np.full((2, 3), -1),
    "array of dates": lambda: np.zeros(3, "M8[D]"),
    "array of texts": lambda: np.array(["a", "b"]),
    "array of objects": _ragged,
    "complex array": lambda: np.zeros((2, 3, 2), complex),
    "structured": lambda: np.zeros(2, [("a", int)]),
    "unprintable": Unprintable,
    "not an array": NotAnArray,
    "endless": Endless,
    "incomparable": Incomparable,
}
