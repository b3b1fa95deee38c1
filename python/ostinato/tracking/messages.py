"""The messages of TensorBoard's files: the few fields of Protocol Buffers that a tracker writes.

Sources: `event.proto`, `summary.proto` and `plugin_data.proto` of TensorBoard, which number the fields;
"Protocol Buffers: Encoding" for the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from ostinato.sequences.arrays import Array
from ostinato.settings import ignoring

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
STARTED: Final = 1
"""The status of a session that starts: what was written for its steps and later ones is void."""


def _varint(value: int) -> bytes:
    """An unsigned integer, seven bits a byte, the low ones first; negative ones as 64 bits."""
    value &= (1 << 64) - 1
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def _whole(field: int, value: int) -> bytes:
    return _varint(field << 3 | VARINT) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | FIXED64) + struct.pack("<d", value)


def _single(field: int, value: float) -> bytes:
    held: bytes = ignoring(np.array, value, "<f4").tobytes()  # beyond float32 is infinity
    return _varint(field << 3 | FIXED32) + held


def _bytes(field: int, value: bytes | str) -> bytes:
    held = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | BYTES) + _varint(len(held)) + held


def _doubles(field: int, values: Array) -> bytes:
    return _bytes(field, values.astype("<f8").tobytes())


def event(seconds: float, step: int, what: bytes) -> bytes:
    """An event: seconds since 1970, the number of an update, and one of the parts below."""
    return _double(1, seconds) + _whole(2, step) + what


def version() -> bytes:
    """The part of the first event of a file."""
    return _bytes(3, "brain.Event:2")


def session_start() -> bytes:
    """The part that makes earlier points of this step and later ones void."""
    return _bytes(7, _whole(1, STARTED))


def summary(values: Iterable[bytes]) -> bytes:
    """The part with values."""
    return _bytes(5, b"".join(_bytes(1, one) for one in values))


def scalar(tag: str, value: float) -> bytes:
    """A value that is a number, as float32."""
    return _bytes(1, tag) + _single(2, value)


def histogram(tag: str, values: Array, bins: int) -> bytes:
    """A value that is the histogram of finite numbers, (N,), in `bins` parts of equal width."""
    exact = values.astype(np.float64)
    counts, edges = np.histogram(exact, bins)
    held = _double(1, exact.min()) + _double(2, exact.max()) + _double(3, exact.size)
    held += _double(4, exact.sum()) + _double(5, np.square(exact).sum())
    held += _doubles(6, edges[1:]) + _doubles(7, counts)
    return _bytes(1, tag) + _bytes(5, held)


def hyper_parameters(values: Mapping[str, bool | float | str], seconds: float) -> bytes:
    """A value that the page of hyper-parameters reads, with the time of the start in seconds since 1970."""
    made = b""
    for name, value in values.items():
        if isinstance(value, bool):
            held = _whole(4, value)
        elif isinstance(value, str):
            held = _bytes(3, value)
        else:
            held = _double(2, value)
        made += _bytes(1, _bytes(1, name) + _bytes(2, held))
    session = made + _double(5, seconds)
    plugin = _bytes(1, "hparams") + _bytes(2, _bytes(3, session))
    return _bytes(1, "_hparams_/session_start_info") + _bytes(9, _bytes(1, plugin))
