"""The data of one update or more: rows of sequences."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato import checks
from ostinato.brief import call
from ostinato.cached import cached
from ostinato.decoding import Sample
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.sequences.arrays import as_array, as_flags, as_integers
from ostinato.sequences.batch import Batch as Extent
from ostinato.sequences.batch import read_lengths, read_steps
from ostinato.sequences.by_axis import by_axis, like_axes
from ostinato.strategy.axes import Axes, by_name, like
from ostinato.suggest import item

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of sequences with their targets, and how to run them.

    x, targets, lengths, weights: as in `Network.value_and_grad`: (N, T, ...) arrays, or lists of rows; so are
    resets and mask. Of a network with several inputs x is a dict by name, and of one with several outputs so
    are targets and weights; of one with several axes lengths and mask are dicts by axis. carries: row n
    continues row n of the previous batch of the epoch, so the state is carried over; otherwise it starts as
    `state`, a dict as `Run.final_state` is, or as zeros. With
    batch_first=False the axes are (T, N, ...).

    The trainer sets the rest: `seed` is the seed of the noise, `state` also the carried state, and a feeding
    sets `truth`: (N, T) booleans, rows first, False where the network's own prediction replaces the id that
    it is fed; None means truth everywhere. `sample` is how predictions are chosen, an `ost.Sample` of one
    sample; None takes the most likely id. `is_last` is True for the last of an epoch. `places` (N,) are the
    rows' positions in the data, if known. `axes` are those of the network: whatever lies on the axis "row",
    such as the label of a row, has one value for each row, (N,) or (N, K).
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
    sample: Sample | None = None
    is_last: bool = False

    def __post_init__(self) -> None:
        checks.flag("Batch", "carries", self.carries)
        checks.flag("Batch", "batch_first", self.batch_first)
        checks.flag("Batch", "is_last", self.is_last)
        if self.seed is not None:
            checks.whole("Batch", "seed", self.seed, at_least=0)
        if not isinstance(self.axes, Axes):
            raise DTypeError(f"Batch: axes is {shown(self.axes)}; expected ost.Axes(inputs, outputs)")
        if self.truth is not None:
            if as_flags("Batch: truth", self.truth).ndim == 0:
                raise ShapeError(f"Batch: truth is {shown(self.truth)}; expected (N, T) booleans")
        if self.sample is not None:
            if not isinstance(self.sample, Sample):
                raise DTypeError(
                    f"Batch: sample is {shown(self.sample)}; expected ost.Sample(temperature=1.0)"
                )
            if self.sample.count != 1:
                raise ConfigError(f"Batch: sample has count {self.sample.count}; one id is fed, expected 1")
        if self.places is not None:
            if as_integers("Batch: places", self.places).ndim != 1:
                raise ShapeError(f"Batch: places is {shown(self.places)}; expected (N,) integers")

    def __repr__(self) -> str:
        defaults = {one.name: one.default for one in dataclasses.fields(self) if one.name != "axes"}
        given = {name: value for name in defaults if (value := getattr(self, name)) is not defaults[name]}
        return call(self, given.pop("x"), given.pop("targets"), **given)

    @property
    def ragged(self) -> bool:
        """Whether the first sequence is a list of rows, each of its own length."""
        return any(self.is_ragged(axis) for axis in list(self._sequences)[:1])

    @cached
    def rows(self) -> int:
        """N."""
        for axis, sequence in self._sequences.items():
            listed = self.is_ragged(axis)
            return len(sequence) if listed else int(np.shape(sequence)[0 if self.batch_first else 1])
        return len(next(iter(by_name(self.x, self.axes.inputs).values())))

    @cached
    def steps(self) -> int:
        """T, including padding; 1 if no input is a sequence. Of several axes, the sum of their T."""
        return sum(map(self.steps_of, self._sequences)) if self._sequences else 1

    @cached
    def row_lengths(self) -> Array:
        """(N,) the steps of each row, whatever the form of the data; of several axes, on all together."""
        if not self._sequences:
            return np.ones(self.rows, dtype=np.int64)
        first, *others = map(self.lengths_of, self._sequences)
        return sum(others, start=first)

    def is_ragged(self, axis: str) -> bool:
        """Whether the sequences of an axis are lists of rows, each of its own length."""
        return isinstance(item("axis", self._sequences, axis, "axis", places=False), (list, tuple))

    def steps_of(self, axis: str) -> int:
        """T of an axis, including padding."""
        sequence = item("axis", self._sequences, axis, "axis", places=False)
        if self.is_ragged(axis):
            return max((len(row) for row in sequence), default=0)
        return int(np.shape(sequence)[1 if self.batch_first else 0])

    @property
    def fed_shape(self) -> tuple[int, int]:
        """(N, T) of `truth`: the rows and steps of the sequence that the network is fed, padding included.

        Raises ConfigError for a network that does not read its own output.
        """
        fed = self.axes.fed
        if fed is None:
            inputs, outputs = dict(self.axes.inputs), dict(self.axes.outputs)
            raise ConfigError(
                "this network does not read its own output: its inputs lie on the axes "
                f"{inputs}, its outputs on {outputs}; expected one output along a sequence and one input on "
                "its axis, or feeding 'teacher_forcing' and no estimator that samples"
            )
        return self.rows, self.steps_of(self.axes.inputs[fed])

    def lengths_of(self, axis: str) -> Array:
        """(N,) the steps of each row on an axis, whatever the form of the data."""
        if self.is_ragged(axis):
            return np.array([len(row) for row in self._sequences[axis]], dtype=np.int64)
        lengths = self._by_axis("lengths").get(axis)
        if lengths is not None:
            return as_array("lengths", lengths)
        return np.full(self.rows, self.steps_of(axis), dtype=np.int64)

    def valid_of(self, axis: str) -> Array:
        """(N, T) booleans: the steps of an axis within the lengths that its mask does not skip, rows first.

        Raises ShapeError, DTypeError for lengths and a mask that do not fit x.
        """
        valid = item("axis", self._extents, axis, "axis", places=False).valid
        return np.ones((self.rows, self.steps_of(axis)), dtype=bool) if valid is None else valid

    @property
    def valid(self) -> Array:
        """`valid_of` the first axis of sequences."""
        return self.valid_of(next(iter(self._sequences)))

    @property
    def masks(self) -> dict[str, Any]:
        """The mask of each axis that has one, in the form of the batch."""
        return self._by_axis("mask")

    @cached
    def counts(self) -> dict[str, float]:
        """By output: the number of valid steps, or of rows; with weights, the sum of their weights.

        Of several outputs, those that have targets. Raises ConfigError for negative weights: a mean is
        divided by their sum; ShapeError, DTypeError for lengths, mask and weights that do not fit x.
        """
        outputs = self.axes.outputs
        names = list(outputs) if len(outputs) == 1 else by_name(self.targets, outputs)
        weights = by_name(self.weights, outputs)
        output_name = self.axes.output_name
        return {
            name: self._count(output_name("weights", name), weights.get(name), outputs[name])
            for name in names
        }

    @property
    def count(self) -> float:
        """The sum of `counts`."""
        return sum(self.counts.values())

    def of_steps(self, name: str, value: Any, axis: str) -> Array:
        """One number for each step of an axis, such as weights, as (N, T) float64; `name` is for errors.

        Raises ShapeError, DTypeError.
        """
        return read_steps(name, value, self._extents[axis], (), "float64")

    def listed(self, value: Any, axis: str) -> list[Array]:
        """What lies on an axis of sequences, such as ids, as N arrays (T_n, ...) of each row's own steps.

        The arrays are views where they can be. Raises ShapeError for lengths that do not fit x, and for
        another number of rows than x has.
        """
        lengths = self.lengths_of(axis)
        if isinstance(value, (list, tuple)) and self.is_ragged(axis):
            rows = [np.asarray(row) for row in value]
        else:
            array = as_array("listed: value", value)
            if array.ndim < 2:
                raise ShapeError(f"listed: value is {shown(value)}; expected rows and steps, (N, T, ...)")
            rows = list(array if self.batch_first else np.swapaxes(array, 0, 1))
        if len(rows) != self.rows:
            raise ShapeError(f"listed: value has {len(rows)} rows; expected {self.rows}")
        _ = self._extents  # reads the lengths
        return [row[:length] for row, length in zip(rows, lengths, strict=True)]

    def window(self, start: int, stop: int) -> Batch:
        """The steps from `start` to `stop` of every row. If `start` is not 0, they carry the state over.

        Raises ConfigError for sequences on several axes.
        """
        start = checks.count("window", "start", start, at_least=0)
        stop = checks.count("window", "stop", stop, at_least=0)
        if len(self._sequences) > 1:
            raise ConfigError(
                f"the steps from {start} to {stop} of a batch are wanted, but its sequences lie on several "
                f"axes ({', '.join(map(repr, self._sequences))}), which have no steps in common; choose "
                "whole rows"
            )
        stop = min(stop, self.steps)
        if start == 0 and stop == self.steps:
            return self
        lengths = self._each_axis("lengths", lambda one, _: np.clip(np.asarray(one) - start, 0, stop - start))

        def cut(value: Any, axis: str) -> Any:
            return value if axis == "row" else self._cut(value, start, stop)

        state = None if start > 0 else self.state
        carries = self.carries or start > 0
        truth = None if self.truth is None else self.truth[:, start:stop]
        return dataclasses.replace(self.each(cut), lengths=lengths, carries=carries, state=state, truth=truth)

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
            lengths=self._each_axis("lengths", lambda one, _: np.asarray(one)[rows]),
            state=None if self.state is None else {name: one[:, rows] for name, one in self.state.items()},
            places=None if self.places is None else self.places[rows],
            truth=None if self.truth is None else self.truth[rows],
        )

    def each(self, change: Callable[[Any, str], Any]) -> Batch:
        """The batch with `change(value, axis)` in the place of each array or list, except lengths and truth.

        Raises DTypeError.
        """
        checks.function("each", "change", change, "(value, axis)")

        def changed(value: Any, axes: Any) -> Any:
            parts = {name: change(part, axes[name]) for name, part in by_name(value, axes).items()}
            return like(value, parts, axes)

        first = next(iter(self._sequences), "time")
        return dataclasses.replace(
            self,
            x=changed(self.x, self.axes.inputs),
            targets=changed(self.targets, self.axes.outputs),
            weights=changed(self.weights, self.axes.outputs),
            resets=None if self.resets is None else change(self.resets, first),
            mask=self._each_axis("mask", change),
        )

    def replace(self, **changes: Any) -> Batch:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    @cached
    def _sequences(self) -> dict[str, Any]:
        """By axis, the first input on it."""
        if not self.axes.sequences:
            return {}
        parts = by_name(self.x, self.axes.inputs)
        return {axis: parts[name] for axis, name in self.axes.sequences.items()}

    def _by_axis(self, what: str) -> dict[str, Any]:
        """Lengths or masks by axis. Raises ConfigError."""
        return by_axis(what, getattr(self, what), self._sequences)

    def _each_axis(self, what: str, change: Callable[[Any, str], Any]) -> Any:
        """Lengths or masks, changed, in the form that the batch has them."""
        parts = {axis: change(one, axis) for axis, one in self._by_axis(what).items()}
        return like_axes(parts, self._sequences)

    def _count(self, name: str, weights: Any, axis: str) -> float:
        if weights is None:
            if axis == "row":
                return float(self.rows)
            steps = self.valid_of(axis) if axis in self.masks else self.lengths_of(axis)
            return float(steps.sum())
        if axis == "row":
            counted = np.asarray(weights, dtype=np.float64)
        else:
            counted, valid = self.of_steps(name, weights, axis), self._extents[axis].valid
            counted = counted if valid is None else counted[valid]
        if (counted < 0).any():
            raise ConfigError(f"{name} holds a negative number; expected weights of at least 0")
        return float(counted.sum())

    @cached
    def _extents(self) -> dict[str, Extent]:
        """By axis: rows, steps, lengths and mask as a network reads them."""
        counts, masks = self._by_axis("lengths"), self.masks
        extents: dict[str, Extent] = {}
        for axis in self._sequences:
            ragged, steps = self.is_ragged(axis), self.steps_of(axis)
            given = self.lengths_of(axis) if ragged else counts.get(axis)
            arguments = [
                what if len(self._sequences) == 1 else f"{what}[{axis!r}]" for what in ("lengths", "mask")
            ]
            lengths = read_lengths(given, self.rows, steps, argument=arguments[0])
            extent = Extent(lengths, self.rows, steps, ragged, self.batch_first)
            extents[axis] = extent.masked(masks.get(axis), arguments[1])
        return extents

    def _cut(self, value: Any, start: int, stop: int) -> Any:
        if isinstance(value, (list, tuple)) and all(map(self.is_ragged, self._sequences)):
            return [row[start:stop] for row in value]
        array = np.asarray(value)
        return array[:, start:stop] if self.batch_first else array[start:stop]
