"""Files of TensorBoard: records, each with its length and two checksums."""

from __future__ import annotations

import itertools
import os
import platform
import struct
import time
from typing import Final

POLYNOMIAL: Final = 0x82F63B78
"""Castagnoli's, bits reversed."""


def _table() -> list[int]:
    made = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
        made.append(byte)
    return made


TABLE: Final = _table()


def crc32c(data: bytes) -> int:
    """The checksum CRC-32C of bytes (RFC 3720, appendix B.4)."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest = TABLE[(rest ^ byte) & 255] ^ rest >> 8
    return rest ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    """The checksum as records have it: turned and shifted, because data may hold checksums itself."""
    found = crc32c(data)
    return struct.pack("<I", ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF)


class EventFile:
    """A new file of records in a folder, which is made if it is not there. Raises OSError."""

    _count = itertools.count()

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        host = platform.node() or "localhost"
        name = f"events.out.tfevents.{int(time.time())}.{host}.{os.getpid()}.{next(self._count)}"
        self.path = os.path.join(folder, name)
        self._file = open(self.path, "xb")

    def write(self, record: bytes) -> None:
        """Adds a record, complete in the file when this returns. Raises OSError."""
        length = struct.pack("<Q", len(record))
        self._file.write(length + _masked(length) + record + _masked(record))
        self._file.flush()

    def close(self) -> None:
        """Closes the file. Raises OSError."""
        self._file.close()
