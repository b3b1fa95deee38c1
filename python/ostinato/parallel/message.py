"""What a rank sends: a topic, plain facts and arrays, as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import RankError
from ostinato.parallel.communicator import Bytes

# Arrays begin at multiples of it, so that they can be used where they are.
_ALIGNED: Final = 64


@dataclass(frozen=True, eq=False)
class Message:
    """topic: what the rank is doing, in words for errors; facts: plain values; arrays: by name."""

    topic: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def packed(self) -> Bytes:
        """The message as bytes."""
        shapes = {name: (one.dtype.str, one.shape) for name, one in self.arrays.items()}
        head = json.dumps([self.topic, dict(self.facts), shapes]).encode()
        ends = np.cumsum([8 + len(head), *(one.nbytes + _ALIGNED for one in self.arrays.values())])
        whole = np.zeros(int(ends[-1]), np.uint8)
        whole[:8] = np.frombuffer(len(head).to_bytes(8, "little"), np.uint8)
        whole[8 : 8 + len(head)] = np.frombuffer(head, np.uint8)
        at = 8 + len(head)
        for one in self.arrays.values():
            at = _aligned(at)
            whole[at : at + one.nbytes] = np.ascontiguousarray(one).reshape(-1).view(np.uint8)
            at += one.nbytes
        return whole

    @classmethod
    def of(cls, data: Bytes) -> Message:
        """The message of bytes; its arrays are views. Raises RankError for what is no message."""
        try:
            size = int.from_bytes(data[:8].tobytes(), "little")
            topic, facts, shapes = json.loads(data[8 : 8 + size].tobytes())
            at, arrays = 8 + size, {}
            for name, (dtype, shape) in shapes.items():
                at = _aligned(at)
                nbytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
                part = data[at : at + nbytes]
                # the memory of an engine may begin anywhere
                part = part if part.ctypes.data % np.dtype(dtype).itemsize == 0 else part.copy()
                arrays[name] = part.view(dtype).reshape(shape)
                at += nbytes
        except (ValueError, TypeError) as error:
            raise RankError(
                f"a rank sent {len(data)} bytes that are no message of this version of ostinato: {error}; "
                "install the same version for all ranks"
            ) from error
        return cls(topic, facts, arrays)


def _aligned(at: int) -> int:
    return -(-at // _ALIGNED) * _ALIGNED
