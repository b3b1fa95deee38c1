"""Safetensors files of any program: the header, and the arrays of chosen tensors.

The engine reads our own model files, in one canonical form with a digest. Files of other programs have other
orders, number types and no digest, and often hold more than is wanted; so this reader takes the header apart
and reads the bytes of the chosen tensors alone. Source: the format description of safetensors 0.5.
"""

from __future__ import annotations

import math
import os
import stat
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np

from ostinato.errors import DTypeError, FormatError, shown
from ostinato.network.record import parse
from ostinato.sequences.arrays import Array

LONGEST_HEADER: Final = 100_000_000
"""In bytes; the limit of the library safetensors."""
METADATA: Final = "__metadata__"
DTYPES: Final = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"},
}
"""The types of NumPy; that of BF16 holds its bits."""
HALF: Final = ("F16", "BF16")
"""Every number of these types is a float32."""


@dataclass(frozen=True)
class Entry:
    """A tensor of a file; `start` and `end` are the place of its bytes after the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {self.shape}"


@dataclass(frozen=True)
class SafetensorsFile:
    """The header of a file; `data` is where the bytes of the tensors begin."""

    path: str
    entries: tuple[Entry, ...]
    data: int

    @classmethod
    def open(cls, path: str) -> SafetensorsFile:
        """Reads the header. Raises OSError, FormatError."""
        # Checked before opening: opening a pipe would block until its writer opens it.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise FormatError(f"{path}: it is not a regular file")
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 10 or length > min(size - 8, LONGEST_HEADER):
                raise FormatError(
                    f"{path}: the file of {size} bytes has a header of {length}; expected a safetensors "
                    "file. It is of another format, or cut short"
                )
            text = file.read(length)
        try:
            header = parse(text.decode("utf-8"))
        except (UnicodeDecodeError, FormatError) as error:
            raise FormatError(
                f"{path}: the header is no JSON, so this is no safetensors file: {error}"
            ) from None
        if not isinstance(header, dict):
            raise FormatError(f"{path}: the header is {shown(header)}; expected an object")
        header.pop(METADATA, None)
        entries = tuple(_entry(path, name, one) for name, one in header.items())
        _check_places(path, entries, size - 8 - length)
        return cls(path, entries, 8 + length)

    def read(self, entry: Entry) -> Array:
        """The numbers of a tensor, half precision as float32, which changes no number.

        Raises OSError, FormatError; DTypeError for a number type that NumPy does not have.
        """
        if entry.dtype not in DTYPES:
            raise DTypeError(
                f"{self.path}: tensor {shown(entry.name)} has dtype {shown(entry.dtype)}; expected one of "
                f"{', '.join(DTYPES)}. Convert it in the program that wrote it, to float32"
            )
        with open(self.path, "rb") as file:
            file.seek(self.data + entry.start)
            data = _taken(self.path, file, entry.end - entry.start)
        numbers = np.frombuffer(data, DTYPES[entry.dtype])
        if entry.dtype == "BF16":
            numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
        elif entry.dtype == "F16":
            numbers = numbers.astype(np.float32)
        return numbers.astype(numbers.dtype.newbyteorder("="), copy=False).reshape(entry.shape)


def _taken(path: str, file: BinaryIO, length: int) -> bytearray:
    found = bytearray(file.read(length))  # writable
    if len(found) != length:
        raise FormatError(f"{path}: the file became shorter while it was read")
    return found


def _entry(path: str, name: str, given: Any) -> Entry:
    """Raises FormatError for what describes no tensor."""
    fields = given if isinstance(given, dict) else {}
    dtype, shape, place = (
        fields.get("dtype"),
        _wholes(fields.get("shape")),
        _wholes(fields.get("data_offsets")),
    )
    if len(fields) != 3 or not isinstance(dtype, str) or shape is None or place is None or len(place) != 2:
        raise FormatError(
            f"{path}: tensor {shown(name)} is {shown(given)}; expected dtype, shape and data_offsets"
        )
    entry = Entry(name, dtype, shape, *place)
    if dtype in DTYPES:
        expected = math.prod(shape) * np.dtype(DTYPES[dtype]).itemsize
        if entry.end - entry.start != expected:
            raise FormatError(
                f"{path}: tensor {shown(name)} has {entry.end - entry.start} bytes; expected {expected} for "
                f"{dtype} of shape {entry.shape}"
            )
    return entry


def _wholes(given: Any) -> tuple[int, ...] | None:
    """A list of sizes or of places as a tuple, or None."""
    fits = isinstance(given, list) and len(given) <= 32
    return tuple(given) if fits and all(type(one) is int and 0 <= one < 2**48 for one in given) else None


def _check_places(path: str, entries: tuple[Entry, ...], length: int) -> None:
    """Raises FormatError unless the tensors fill the `length` bytes after the header without a gap."""
    end = 0
    for entry in sorted(entries, key=lambda one: (one.start, one.end)):
        if entry.start != end or entry.end < end:
            raise FormatError(
                f"{path}: the bytes of tensor {shown(entry.name)} are {entry.start} to {entry.end}; expected "
                f"them to begin at {end}"
            )
        end = entry.end
    if end != length:
        raise FormatError(f"{path}: {length} bytes follow the header; expected {end}. The file is cut short")
