"""The data of `fit` and `evaluate` as batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.strategy import Batch, Lesson
from ostinato.strategy.batch import Array

Per: TypeAlias = Literal["step", "row"]
"""Whether targets and weights have one value for each step, or one for each row."""

Batcher = Callable[[Array], Iterable[Array]]
"""From the lengths (N,) of an epoch's rows, in order, to batches of positions in that order."""


class Source(Protocol):
    """Data for repeated passes."""

    @property
    def lengths(self) -> Array | None:
        """(N,) the steps of each row, or None if the rows are unknown beforehand."""

    def batches(self, lesson: Lesson, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, without the first `start`."""

    def count(self, lesson: Lesson) -> int:
        """The number of batches of an epoch; 0 if unknown."""

    def state_dict(self) -> Any:
        """The position of data that stores one, between two epochs; None for other data."""

    def load_state_dict(self, state: Any) -> None:
        """Restore the position of `state_dict`."""


class Rows:
    """Rows in memory: arrays (N, T, ...), or lists of N rows, divided into batches.

    batch: rows of a batch, or a `Batcher`, which returns equal batches for equal lengths.
    """

    def __init__(self, whole: Batch, batch: int | Batcher) -> None:
        self._whole = whole
        self._batch = batch
        self._planned: tuple[Lesson, Array, list[Array]] | None = None
        if whole.ragged:
            self.lengths = np.array([len(row) for row in whole.x], dtype=np.int64)
        elif whole.lengths is not None:
            self.lengths = np.asarray(whole.lengths)
        else:
            self.lengths = np.full(whole.rows, whole.steps, dtype=np.int64)
        if self.lengths.shape != (whole.rows,):
            raise ShapeError(
                f"lengths is {self.lengths.shape}; expected ({whole.rows},), one for each row of x"
            )
        for name, value in (("targets", whole.targets), ("weights", whole.weights)):
            self._check_rows(name, value)

    def batches(self, lesson: Lesson, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, in the lesson's order."""
        order, groups = self._plan(lesson)
        for group in groups[start:]:
            batch = self._take(order[group])
            yield batch if lesson.steps is None else batch.window(0, lesson.steps)

    def first_row(self) -> Batch:
        """A batch of one row."""
        return self._take(np.zeros(1, dtype=np.int64))

    def count(self, lesson: Lesson) -> int:
        """How many batches an epoch has."""
        return len(self._plan(lesson)[1])

    def state_dict(self) -> None:
        """None: the curriculum decides the order."""

    def load_state_dict(self, state: None) -> None:
        """Nothing."""

    def _plan(self, lesson: Lesson) -> tuple[Array, list[Array]]:
        """The rows in order, and the positions of each batch; computed once per lesson."""
        if self._planned is None or self._planned[0] is not lesson:
            self._planned = (lesson, *self._groups(lesson))
        return self._planned[1:]

    def _groups(self, lesson: Lesson) -> tuple[Array, list[Array]]:
        order = self._order(lesson)
        if not isinstance(self._batch, int):
            cropped = self.lengths[order]
            if lesson.steps is not None:
                cropped = np.minimum(cropped, lesson.steps)
            return order, [np.asarray(group) for group in self._batch(cropped)]
        places = np.arange(len(order))
        return order, [places[first : first + self._batch] for first in range(0, len(order), self._batch)]

    def _order(self, lesson: Lesson) -> Array:
        rows = self._whole.rows
        if lesson.rows is None:
            return np.arange(rows)
        order = np.asarray(lesson.rows)
        if (
            order.ndim != 1
            or order.dtype.kind not in "iu"
            or (order.size and not 0 <= order.min() <= order.max() < rows)
        ):
            raise ConfigError(
                f"the curriculum's lesson has rows {order!r}; expected integers from 0 to {rows - 1}"
            )
        return order

    def _take(self, rows: Array) -> Batch:
        whole = self._whole
        return whole.replace(
            x=self._rows_of(whole.x, rows),
            targets=self._rows_of(whole.targets, rows, whole.per),
            weights=self._rows_of(whole.weights, rows, whole.per),
            lengths=None if whole.lengths is None else self.lengths[rows],
            places=rows,
        )

    def _rows_of(self, value: Any, rows: Array, per: str = "step") -> Any:
        if value is None:
            return None
        if per == "row":
            return np.asarray(value)[rows]
        if isinstance(value, (list, tuple)):
            return [value[row] for row in rows]
        return value[rows] if self._whole.batch_first else value[:, rows]

    def _check_rows(self, name: str, value: Any) -> None:
        if value is None:
            return
        listed = isinstance(value, (list, tuple))
        axis = 0 if listed or self._whole.batch_first or self._whole.per == "row" else 1
        found = len(value) if listed else (value.shape[axis] if value.ndim > axis else 0)
        if found != self._whole.rows:
            raise ShapeError(f"{name} has {found} rows; x has {self._whole.rows}")


class Batches:
    """A repeatable iterable of `Batch` or tuples (x, targets[, lengths[, weights]])."""

    lengths = None

    def __init__(self, data: Iterable[Any], batch_first: bool, per: Per = "step") -> None:
        self._data = data
        self._batch_first = batch_first
        self._per = per

    def batches(self, lesson: Lesson, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, in the order of the iterable."""
        if lesson.rows is not None:
            raise ConfigError(
                "the curriculum's lesson names rows, but the data is an iterable of batches; give arrays"
            )
        for place, item in enumerate(self._data):
            if place >= start:
                batch = self._read(place, item)
                yield batch if lesson.steps is None else batch.window(0, lesson.steps)

    def count(self, lesson: Lesson) -> int:
        """The length of the iterable, if it has one."""
        return len(self._data) if isinstance(self._data, Sized) else 0

    def state_dict(self) -> Any:
        """The state of the data, if it has one."""
        return self._data.state_dict() if hasattr(self._data, "state_dict") else None

    def load_state_dict(self, state: Any) -> None:
        """Restore the state of the data."""
        if state is not None and hasattr(self._data, "load_state_dict"):
            self._data.load_state_dict(state)

    def _read(self, place: int, item: Any) -> Batch:
        if isinstance(item, Batch):
            return item if item.per == self._per else item.replace(per=self._per)
        if isinstance(item, tuple) and 2 <= len(item) <= 4:
            x, targets, lengths, weights = (*item, None, None)[:4]
            return Batch(x, targets, lengths, weights, batch_first=self._batch_first, per=self._per)
        raise DTypeError(
            f"data gives a {type(item).__name__} as batch {place}; "
            "expected ost.Batch(x, targets), or a tuple (x, targets[, lengths[, weights]])"
        )


def read_source(
    owner: str,
    data: Any,
    targets: Any,
    *,
    lengths: Any,
    weights: Any,
    batch_size: Any,
    batch_first: bool,
    once: bool = False,
    per: Per = "step",
) -> Source:
    """Arrays or lists with targets as `Rows`, any other iterable as `Batches`.

    once: the data is used for a single pass, so an iterator is accepted. per: "row" if targets and weights
    have one value for each row. Raises ConfigError, DTypeError,
    ShapeError, naming the argument.
    """
    if targets is not None:
        if not callable(batch_size):
            batch_size = checks.whole(owner, "batch_size", batch_size, at_least=1)
        listed = isinstance(data, (list, tuple))
        whole = Batch(
            data if listed else np.asarray(data),
            targets if isinstance(targets, (list, tuple)) else np.asarray(targets),
            lengths,
            weights if weights is None or isinstance(weights, (list, tuple)) else np.asarray(weights),
            batch_first=batch_first,
            per=per,
        )
        if not listed and np.ndim(whole.x) < 2:
            raise ShapeError(f"{owner}: x is {np.shape(whole.x)}; expected rows and steps, (N, T, ...)")
        return Rows(whole, batch_size)
    if isinstance(data, np.ndarray) or not isinstance(data, Iterable):
        raise ConfigError(f"{owner}: targets is missing; expected x and targets, or an iterable of batches")
    for name, value in (("lengths", lengths), ("weights", weights)):
        if value is not None:
            raise ConfigError(f"{owner}: {name} requires x and targets; each batch of an iterable has one")
    if isinstance(data, Iterator) and not once:
        raise ConfigError(
            f"{owner}: data is an iterator, which is used up after one pass; give a list, or an object whose "
            "__iter__ starts again"
        )
    return Batches(data, batch_first, per)
