"""The data of one update or more: rows of sequences."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.sequences.arrays import as_array, as_flags, as_integers
from ostinato.sequences.batch import Batch as Extent
from ostinato.sequences.batch import read_lengths, read_steps
from ostinato.strategy.axes import Axes, by_name, like

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of sequences with their targets, and how to run them.

    x, targets, lengths, weights: as in `Network.value_and_grad`: (N, T, ...) arrays, or lists of rows; so are
    resets and mask. Of a network with several inputs x is a dict by name, and of one with several outputs so
    are targets and weights. carries: row n continues row n of the previous batch, so the state is carried
    over; otherwise it starts as zeros. With batch_first=False the axes are (T, N, ...).

    The trainer sets the rest: `state` is the carried state, `seed` the seed of the noise, and a feeding sets
    `truth`: (N, T) booleans, False where the network's own prediction replaces x; None means truth
    everywhere. `places` (N,) are the rows' positions in the data, if known. `axes` are those of the network:
    whatever lies on the axis "row", such as the label of a row, has one value for each row, (N,) or (N, K).
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
    axes: Axes = field(default_factory=Axes)
    mask: Any = None

    def __post_init__(self) -> None:
        checks.flag("Batch", "carries", self.carries)
        checks.flag("Batch", "batch_first", self.batch_first)
        if self.seed is not None:
            checks.whole("Batch", "seed", self.seed, at_least=0)
        if not isinstance(self.axes, Axes):
            raise DTypeError(f"Batch: axes is {shown(self.axes)}; expected ost.Axes(inputs, outputs)")
        if self.truth is not None:
            if as_flags("Batch: truth", self.truth).ndim == 0:
                raise ShapeError(f"Batch: truth is {shown(self.truth)}; expected (N, T) booleans")
        if self.places is not None:
            if as_integers("Batch: places", self.places).ndim != 1:
                raise ShapeError(f"Batch: places is {shown(self.places)}; expected (N,) integers")

    @cached_property
    def ragged(self) -> bool:
        """Whether the sequences are lists of rows, each of its own length."""
        return isinstance(self._sequence, (list, tuple))

    @cached_property
    def rows(self) -> int:
        """N."""
        sequence = self._sequence
        if sequence is None:
            return len(next(iter(by_name(self.x, self.axes.inputs).values())))
        return len(sequence) if self.ragged else int(np.shape(sequence)[0 if self.batch_first else 1])

    @cached_property
    def steps(self) -> int:
        """T, including padding; 1 if no input is a sequence."""
        sequence = self._sequence
        if sequence is None:
            return 1
        if self.ragged:
            return max((len(row) for row in sequence), default=0)
        return int(np.shape(sequence)[1 if self.batch_first else 0])

    @cached_property
    def row_lengths(self) -> Array:
        """(N,) the steps of each row, whatever the form of the data."""
        if self.ragged:
            return np.array([len(row) for row in self._sequence], dtype=np.int64)
        if self.lengths is not None:
            return as_array("lengths", self.lengths)
        return np.full(self.rows, self.steps, dtype=np.int64)

    @cached_property
    def counts(self) -> dict[str, float]:
        """By output: the number of valid steps, or of rows; with weights, the sum of their weights.

        Of several outputs, those that have targets. Raises ConfigError for negative weights: a mean is
        divided by their sum; ShapeError, DTypeError for lengths, mask and weights that do not fit x.
        """
        outputs = self.axes.outputs
        names = list(outputs) if len(outputs) == 1 else by_name(self.targets, outputs)
        weights = by_name(self.weights, outputs)
        told = self.axes.output_name
        return {name: self._count(told("weights", name), weights.get(name), outputs[name]) for name in names}

    @property
    def count(self) -> float:
        """The sum of `counts`."""
        return sum(self.counts.values())

    @cached_property
    def valid(self) -> Array:
        """(N, T) booleans: the steps within the lengths that the mask does not skip, for any axis order.

        Raises ShapeError, DTypeError for lengths and a mask that do not fit x.
        """
        valid = self._extent.valid
        return np.ones((self.rows, self.steps), dtype=bool) if valid is None else valid

    def of_steps(self, name: str, value: Any) -> Array:
        """One number for each step, such as weights, as (N, T) float64; `name` is for errors.

        Raises ShapeError, DTypeError.
        """
        return read_steps(name, value, self._extent, (), "float64")

    def window(self, start: int, stop: int) -> Batch:
        """The steps from `start` to `stop` of every row. If `start` is not 0, they carry the state over."""
        start = checks.count("window", "start", start, at_least=0)
        stop = min(checks.count("window", "stop", stop, at_least=0), self.steps)
        if start == 0 and stop == self.steps:
            return self
        lengths = self.lengths
        if lengths is not None:
            lengths = np.clip(np.asarray(lengths) - start, 0, stop - start)

        def cut(value: Any, axis: str) -> Any:
            return value if axis == "row" else self._cut(value, start, stop)

        return dataclasses.replace(self.each(cut), lengths=lengths, carries=self.carries or start > 0)

    def take(self, rows: Array | slice) -> Batch:
        """The rows at these positions, in this order; of a slice, views. Raises DTypeError, ShapeError."""
        if isinstance(rows, slice):
            try:
                rows.indices(self.rows)
            except (TypeError, ValueError) as error:
                raise DTypeError(f"take: rows is {shown(rows)}: {error}") from None
        else:
            rows = as_integers("take: rows", rows)
            if rows.ndim != 1 or (rows.size and not -self.rows <= rows.min() <= rows.max() < self.rows):
                raise ShapeError(f"take: rows is {shown(rows)}; expected positions below {self.rows}, (n,)")

        def chosen(value: Any, axis: str) -> Any:
            if isinstance(value, (list, tuple)):
                return value[rows] if isinstance(rows, slice) else [value[row] for row in rows]
            array = np.asarray(value)
            return array[rows] if axis == "row" or self.batch_first else array[:, rows]

        return dataclasses.replace(
            self.each(chosen),
            lengths=None if self.lengths is None else np.asarray(self.lengths)[rows],
            state=None if self.state is None else {name: one[:, rows] for name, one in self.state.items()},
            places=None if self.places is None else self.places[rows],
        )

    def each(self, change: Callable[[Any, str], Any]) -> Batch:
        """The batch with `change(value, axis)` in the place of each array or list. Raises DTypeError."""
        checks.function("each", "change", change, "(value, axis)")

        def changed(value: Any, axes: Any) -> Any:
            parts = {name: change(part, axes[name]) for name, part in by_name(value, axes).items()}
            return like(value, parts, axes)

        return dataclasses.replace(
            self,
            x=changed(self.x, self.axes.inputs),
            targets=changed(self.targets, self.axes.outputs),
            weights=changed(self.weights, self.axes.outputs),
            truth=None if self.truth is None else change(self.truth, "time"),
            resets=None if self.resets is None else change(self.resets, "time"),
            mask=None if self.mask is None else change(self.mask, "time"),
        )

    def replace(self, **changes: Any) -> Batch:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    @cached_property
    def _sequence(self) -> Any:
        """The first input that is a sequence, or None."""
        name = self.axes.sequence
        return None if name is None else by_name(self.x, self.axes.inputs)[name]

    def _count(self, name: str, weights: Any, axis: str) -> float:
        if weights is None:
            steps = self.row_lengths if self.mask is None else self.valid
            return float(self.rows if axis == "row" else steps.sum())
        if axis == "row":
            counted = np.asarray(weights, dtype=np.float64)
        else:
            counted = self.of_steps(name, weights)
            counted = counted if self._extent.valid is None else counted[self._extent.valid]
        if (counted < 0).any():
            raise ConfigError(f"{name} holds a negative number; expected weights of at least 0")
        return float(counted.sum())

    @cached_property
    def _extent(self) -> Extent:
        """Rows, steps, lengths and mask as a network reads them."""
        counts = self.row_lengths if self.ragged else self.lengths
        lengths = read_lengths(counts, self.rows, self.steps)
        return Extent(lengths, self.rows, self.steps, self.ragged, self.batch_first).masked(self.mask)

    def _cut(self, value: Any, start: int, stop: int) -> Any:
        if isinstance(value, (list, tuple)) and self.ragged:
            return [row[start:stop] for row in value]
        array = np.asarray(value)
        return array[:, start:stop] if self.batch_first else array[start:stop]
