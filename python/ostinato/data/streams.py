"""One long sequence as parallel streams, read in windows, as for language models."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from ostinato import checks
from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.buffers import buffered
from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.sequences.arrays import as_array
from ostinato.strategy import Batch


class Streams(AttributeGuard):
    """`ids` divided into `rows` equal streams, read `steps` at a time, as batches for `Trainer.fit`.

    x (N, T) are ids and targets (N, T) the next ids. Row n of window k + 1 continues row n of window k, so
    each window but the first carries the state over. Every id but the first is a target exactly once. The
    streams have equal lengths except the last ones, which may end early: only there, lengths (N,) are below
    T.

    ids (L,) integers, L > rows; rows and steps >= 1. Divide features (L, F) into windows yourself, each an
    `ost.Batch(x, targets, carries=True)`. Raises ShapeError, DTypeError, ConfigError.
    """

    _fixed = ("ids", "targets", "rows", "steps", "stream_length")

    def __init__(self, ids: npt.ArrayLike, rows: int, steps: int) -> None:
        self.ids = as_array("ids", ids)
        if self.ids.dtype.kind == "f" or self.ids.ndim == 2:
            kind = DTypeError if self.ids.ndim == 1 else ShapeError
            raise kind(
                f"ids is {self.ids.dtype} {self.ids.shape}; Streams takes ids, integers (L,). Give windows "
                "over features as a list of ost.Batch(x[:, a:b], targets[:, a:b], carries=a > 0)"
            )
        if self.ids.ndim != 1 or len(self.ids) < 2:
            raise ShapeError(f"ids has shape {self.ids.shape}; expected (L,) with L at least 2")
        if self.ids.dtype.kind not in "iu":
            raise DTypeError(f"ids has dtype {self.ids.dtype}; expected integers")
        rows = checks.count("Streams", "rows", rows, at_least=1)
        steps = checks.count("Streams", "steps", steps, at_least=1)
        self.targets = len(self.ids) - 1
        if rows > self.targets:
            raise ConfigError(
                f"rows is {rows}, but {len(self.ids)} ids make at most {self.targets} streams; give fewer"
            )
        self.rows = rows
        self.steps = steps
        self.stream_length = -(-self.targets // self.rows)

    def __len__(self) -> int:
        """The number of windows in one pass."""
        return -(-self.stream_length // self.steps)

    def identity(self) -> int:
        """A checksum of ids and windows, by which a resumed run notices other data."""
        ids = np.ascontiguousarray(self.ids, np.int64)
        return zlib.crc32(f"{self.rows} {self.steps}".encode(), zlib.crc32(ids.tobytes()))

    def __repr__(self) -> str:
        return call(self, self.ids, rows=self.rows, steps=self.steps)

    def __iter__(self) -> Iterator[Batch]:
        starts = np.arange(self.rows) * self.stream_length
        ends = np.minimum(starts + self.stream_length, self.targets)
        for first in range(0, self.stream_length, self.steps):
            width = min(self.steps, self.stream_length - first)
            lengths = np.clip(ends - starts - first, 0, width)
            # Positions past a stream's end are clipped into the text: their values are beyond `lengths`.
            sums = partial(np.add, starts[:, None] + first, np.arange(width)[None, :])
            places = np.minimum(buffered(sums, results=8 * self.rows * width), self.targets - 1)
            ids = self.ids[places].astype(np.int64)
            targets = self.ids[places + 1].astype(np.int64)
            yield Batch(ids, targets, lengths.astype(np.int64), carries=first > 0)
