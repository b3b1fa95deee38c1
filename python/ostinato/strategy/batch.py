"""The data of one update or more: rows of sequences."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError

Array = NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """Rows of sequences with their targets, and how to run them.

    x, targets, lengths, weights: as in `Network.value_and_grad`: (N, T, ...) arrays, or lists of rows; so is
    resets. carries: row n continues row n of the previous batch, so the state is carried over; otherwise it
    starts as zeros. The trainer sets the rest: `state` is the carried state, `seed` the seed of the noise,
    and a feeding sets `truth`: (N, T) booleans, False where the network's own prediction replaces x; None
    means truth everywhere. With batch_first=False the axes are (T, N, ...). `places` (N,) are the rows'
    positions in the data, if known. per="row": targets (N,) ids or (N, K) floats, and weights (N,), have one
    value for each row, for a network with a value of rows as output.
    """

    x: Any
    targets: Any
    lengths: Any = None
    weights: Any = None
    carries: bool = False
    resets: Any = None
    state: Any = None
    truth: Array | None = None
    seed: int | None = None
    batch_first: bool = True
    places: Array | None = None
    per: Literal["step", "row"] = "step"

    @property
    def ragged(self) -> bool:
        """Whether x is a list of rows, each of its own length."""
        return isinstance(self.x, (list, tuple))

    @cached_property
    def rows(self) -> int:
        """N."""
        return len(self.x) if self.ragged else int(np.shape(self.x)[0 if self.batch_first else 1])

    @cached_property
    def steps(self) -> int:
        """T, including padding."""
        if self.ragged:
            return max((len(row) for row in self.x), default=0)
        return int(np.shape(self.x)[1 if self.batch_first else 0])

    @cached_property
    def count(self) -> float:
        """The number of valid time steps, or of rows for per="row"; with weights, the sum of their weights.

        Raises ConfigError for negative weights: a mean is divided by their sum.
        """
        if self.per == "row":
            if self.weights is None:
                return float(self.rows)
            weights = np.asarray(self.weights, dtype=np.float64)
            if (weights < 0).any():
                raise ConfigError(
                    "weights holds a negative number; expected what each row of the data counts, from 0"
                )
            return float(weights.sum())
        if self.weights is not None:
            rows = self.weights if self.ragged else (self.weights,)
            if any((np.asarray(row) < 0).any() for row in rows):
                raise ConfigError("weights holds a negative number; expected weights of at least 0")
            if self.ragged:
                return float(sum(np.sum(row, dtype=np.float64) for row in self.weights))
            weights = np.asarray(self.weights, dtype=np.float64)
            weights = weights if self.batch_first else weights.T
            if self.lengths is None:
                return float(weights.sum())
            inside = np.arange(self.steps) < np.asarray(self.lengths)[:, None]
            return float(weights[inside].sum())
        if self.ragged:
            return float(sum(len(row) for row in self.x))
        return float(self.rows * self.steps if self.lengths is None else np.sum(self.lengths))

    def window(self, start: int, stop: int) -> Batch:
        """The steps from `start` to `stop` of every row. If `start` is not 0, they carry the state over."""
        stop = min(stop, self.steps)
        if start == 0 and stop == self.steps:
            return self
        lengths = self.lengths
        if lengths is not None:
            lengths = np.clip(np.asarray(lengths) - start, 0, stop - start)
        return dataclasses.replace(
            self,
            x=self._cut(self.x, start, stop),
            targets=self.targets if self.per == "row" else self._cut(self.targets, start, stop),
            weights=self.weights if self.per == "row" else self._cut(self.weights, start, stop),
            truth=self._cut(self.truth, start, stop),
            resets=self._cut(self.resets, start, stop),
            lengths=lengths,
            carries=self.carries or start > 0,
        )

    def replace(self, **changes: Any) -> Batch:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def _cut(self, value: Any, start: int, stop: int) -> Any:
        if value is None:
            return None
        if isinstance(value, (list, tuple)) and self.ragged:
            return [row[start:stop] for row in value]
        array = np.asarray(value)
        return array[:, start:stop] if self.batch_first else array[start:stop]
