"""The data of `fit` and `evaluate` as batches."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from numbers import Real
from typing import Any, Final, Protocol

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, FormatError, ShapeError, described, shown
from ostinato.network.symbol import Symbol
from ostinato.strategy import Batch, Lesson
from ostinato.strategy.batch import Array
from ostinato.training.form import Form

BATCH_SIZE: Final = 32
"""Rows of a batch, if `fit` is not given another number."""

# Rows that are read together before the first update: more would copy much of a large data set.
ROWS_AT_A_TIME: Final = 256

Batcher = Callable[[Array], Iterable[Array]]
"""From the lengths (N,) of an epoch's rows, in order, to batches of positions in that order."""


class Source(Protocol):
    """Data for repeated passes."""

    @property
    def lengths(self) -> Array | None:
        """(N,) the steps of each row, or None if the rows are unknown beforehand."""

    def batches(self, lesson: Lesson, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, without the first `start`."""

    def every(self) -> Iterator[Batch]:
        """All data once, for a measurement."""

    def count(self, lesson: Lesson) -> int:
        """The number of batches of an epoch; 0 if unknown."""

    def state_dict(self) -> Any:
        """The position of data that stores one, between two epochs; None for other data."""

    def load_state_dict(self, state: Any) -> None:
        """Restore the position of `state_dict`."""


def with_last(
    batches: Iterator[Batch], start: int, count: int, is_asked: bool
) -> Iterator[tuple[Batch, bool]]:
    """Each batch, from number `start`, and whether it is the last of `count`.

    A count of 0 is unknown: then, if it `is_asked`, a batch is copied, and given once the next
    one is there, because data may use its arrays again.
    """
    if count or not is_asked:
        for place, batch in enumerate(batches, start=start + 1):
            yield batch, place == count
        return
    waiting = None
    for batch in batches:
        if waiting is not None:
            yield waiting, False
        waiting = copy.deepcopy(batch)
    if waiting is not None:
        yield waiting, True


class Rows:
    """Rows in memory: arrays (N, T, ...), or lists of N rows, divided into batches.

    batch: rows of a batch, or a `Batcher`, which returns equal batches for equal lengths, with each place
    once and none empty. One that leaves out rows has an attribute drop_last = True, as `ByLength` may. For no
    rows it is not called.
    """

    def __init__(self, whole: Batch, batch: int | Batcher) -> None:
        self._whole = whole
        self.batch = batch
        self._planned: tuple[Lesson, Array, list[Array]] | None = None
        self.lengths = whole.row_lengths

    def batches(self, lesson: Lesson, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, in the lesson's order."""
        order, groups = self._plan(lesson)
        for group in groups[start:]:
            yield _cropped(self._take(order[group]), lesson)

    def every(self) -> Iterator[Batch]:
        """All rows in the batches of a lesson of all rows; then those that the batcher leaves out."""
        _, groups = self._groups(Lesson())
        yield from map(self._take, groups)
        left_out = np.setdiff1d(np.arange(self._whole.rows), np.concatenate([np.zeros(0, np.int64), *groups]))
        for start in range(0, len(left_out), ROWS_AT_A_TIME):
            yield self._take(left_out[start : start + ROWS_AT_A_TIME])

    def parts(self) -> Iterator[Batch]:
        """All rows in the order of the data, some at a time."""
        for start in range(0, self._whole.rows, ROWS_AT_A_TIME):
            yield self._whole.take(slice(start, start + ROWS_AT_A_TIME))

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
            order, groups = self._groups(lesson)
            if len(order) and not any(map(len, groups)):
                raise ConfigError(
                    f"batch_size is {shown(self.batch)}, which leaves out all {len(order)} rows; expected "
                    "batches of fewer rows"
                )
            self._planned = (lesson, order, groups)
        return self._planned[1:]

    def _groups(self, lesson: Lesson) -> tuple[Array, list[Array]]:
        order = self._order(lesson)
        if not isinstance(self.batch, int):
            cropped = self.lengths[order]
            if lesson.steps is not None:
                cropped = np.minimum(cropped, lesson.steps)
            return order, _groups_of(self.batch, cropped) if len(order) else []
        places = np.arange(len(order))
        return order, [places[first : first + self.batch] for first in range(0, len(order), self.batch)]

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
                f"the curriculum's lesson has rows {shown(order)}; expected integers from 0 to {rows - 1}"
            )
        return order

    def _take(self, rows: Array) -> Batch:
        return self._whole.take(rows).replace(places=rows)


def _groups_of(batcher: Any, lengths: Array) -> list[Array]:
    """The batches of places that a function given as `batch_size` makes.

    Raises ConfigError for a batch without a place, and for a place that is no row, is there twice, or is left
    out without `drop_last`.
    """
    groups: list[Array] = []
    counts = np.zeros(len(lengths), np.int64)

    def check_once(wrong: Array) -> None:
        if not wrong.size:
            return
        place, count = int(wrong.min()), int(counts[wrong.min()])
        raise ConfigError(
            f"batch_size is {shown(batcher)}, which has the place {place} of {len(lengths)} "
            f"{f'in batches {count} times' if count else 'in no batch'}; expected each place once. A "
            "curriculum repeats rows or leaves them out; a function that leaves out rows needs an attribute "
            "drop_last = True"
        )

    for group in _given_by(batcher, lengths):
        if not group.size:  # an update of nothing; and there may be such batches without end
            raise ConfigError(
                f"batch_size is {shown(batcher)}, whose batch {len(groups)} is empty; expected at least one "
                "place in each batch: leave out empty ones"
            )
        inside = group.dtype.kind in "iu" and 0 <= group.min() and group.max() < len(lengths)
        if group.ndim != 1 or not inside:
            raise ConfigError(
                f"batch_size is {shown(batcher)}, which gives the batch {group.tolist()}; expected places "
                "from 0 "
                f"to {len(lengths) - 1}"
            )
        places = group.astype(np.int64)
        np.add.at(counts, places, 1)
        check_once(places[counts[places] > 1])  # now, because there may be batches without end
        groups.append(places)
    if getattr(batcher, "drop_last", False) is not True:
        check_once(np.flatnonzero(counts == 0))
    return groups


def _given_by(batcher: Any, lengths: Array) -> Iterator[Array]:
    """The batches of a function, one by one. Raises ConfigError if it fails."""
    try:
        for group in batcher(lengths):
            yield np.asarray(group)
    except Exception as error:
        raise ConfigError(
            f"batch_size is {shown(batcher)}, which fails with the lengths of the rows: {described(error)}"
        ) from error


def _cropped(batch: Batch, lesson: Lesson) -> Batch:
    """The steps of a batch that the lesson has. Raises ConfigError if it cuts sequences on several axes."""
    if lesson.steps is None:
        return batch
    several, longest = batch.axes.sequences, int(batch.row_lengths.max(initial=0))
    if len(several) < 2:
        return batch.window(0, lesson.steps)
    if longest > lesson.steps:
        raise ConfigError(
            f"the curriculum's lesson has the first {lesson.steps} steps of each row, and a row has "
            f"{longest} on the axes {', '.join(map(repr, several))} together; several axes have no steps "
            "in common, so rows cannot be cut: use a curriculum that chooses whole rows"
        )
    return batch


class Indexed:
    """The items of data that have places but no `__iter__`, such as a data set of PyTorch."""

    def __init__(self, data: Any) -> None:
        self.data = data
        if hasattr(data, "state_dict"):
            self.state_dict = data.state_dict
            self.load_state_dict = data.load_state_dict

    def __iter__(self) -> Iterator[Any]:
        places = range(len(self)) if isinstance(self.data, Sized) else itertools.count()
        for place in places:
            try:
                item = self.data[place]
            except IndexError:  # the end of data without a length
                return
            yield item

    def __len__(self) -> int:
        return len(self.data) if isinstance(self.data, Sized) else 0


class Batches:
    """A repeatable iterable of `Batch` or tuples (x, targets[, lengths[, weights]])."""

    lengths = None

    def __init__(self, data: Iterable[Any], form: Form, called: str = "data") -> None:
        self.data, self._called = data, called
        self._form = form

    def batches(self, lesson: Lesson, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, in the order of the iterable."""
        if lesson.rows is not None:
            raise ConfigError(
                "the curriculum's lesson names rows, but the data is an iterable of batches; give arrays"
            )
        for place, item in enumerate(self.data):
            if place >= start:
                yield _cropped(self._read(place, item), lesson)

    def every(self) -> Iterator[Batch]:
        """The batches of the iterable."""
        return self.batches(Lesson())

    def count(self, lesson: Lesson) -> int:
        """The length of the iterable, if it has one."""
        return len(self.data) if isinstance(self.data, Sized) else 0

    def state_dict(self) -> Any:
        """The state of the data, if it has one."""
        return self.data.state_dict() if hasattr(self.data, "state_dict") else None

    def load_state_dict(self, state: Any) -> None:
        """Restore the state of the data."""
        if state is None or not hasattr(self.data, "load_state_dict"):
            return
        try:
            self.data.load_state_dict(state)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise FormatError(
                f"cannot resume: load_state_dict of the data does not take its state: {described(error)}"
            ) from error

    def _read(self, place: int, item: Any) -> Batch:
        if isinstance(item, Batch):
            return self._form.read(item)
        if isinstance(item, (list, tuple)) and 2 <= len(item) <= 4:
            x, targets, lengths, weights = (*item, None, None)[:4]
            return self._form.read(Batch(x, targets, lengths, weights, batch_first=self._form.batch_first))
        raise DTypeError(
            f"{self._called} gives {shown(item)} as batch {place}; "
            "expected ost.Batch(x, targets), or a tuple or list (x, targets[, lengths[, weights]])"
        )


def read_source(
    owner: str,
    form: Form,
    data: Any,
    targets: Any = None,
    *,
    lengths: Any = None,
    weights: Any = None,
    mask: Any = None,
    batch_size: Any = None,
    once: bool = False,
    called: str = "data",
) -> Source:
    """Arrays or lists with targets as `Rows`, any other iterable as `Batches`.

    batch_size: None for 32 rows. once: the data is used for a single pass, so an iterator is accepted.
    Raises ConfigError, DTypeError, ShapeError, naming the argument.
    """
    if targets is not None:
        if batch_size is None:
            batch_size = BATCH_SIZE
        elif not callable(batch_size):
            batch_size = checks.whole(owner, "batch_size", batch_size, at_least=1)
        with named(owner):
            return Rows(form.whole(data, targets, lengths, weights, mask), batch_size)
    if callable(data) and not isinstance(data, Iterable):
        raise ConfigError(
            f"{owner}: data is the function {shown(data)}; give what it returns as a list, list(data()), "
            "or an "
            "object whose __iter__ starts again"
        )
    if not isinstance(data, (Iterable, Mapping, Symbol)) and hasattr(type(data), "__getitem__"):
        data = Indexed(data)
    if hasattr(data, "__array__") or isinstance(data, Mapping) or not isinstance(data, Iterable):
        raise ConfigError(
            f"{owner}: targets is missing, and data is {shown(data)}; expected x and targets, or an "
            "iterable of "
            "batches"
        )
    for name, value in (("lengths", lengths), ("weights", weights), ("mask", mask)):
        if value is not None:
            raise ConfigError(f"{owner}: {name} requires x and targets; each batch of an iterable has one")
    if isinstance(data, Iterator) and not once:
        raise ConfigError(
            f"{owner}: data is an iterator, which is used up after one pass; give a list, or an object whose "
            "__iter__ starts again"
        )
    return Batches(data, form, called)


def read_validation(form: Form, given: Any, batch_size: Any) -> Source:
    """The `validation` of `fit`: a tuple as for data, or an iterable of batches. Raises ConfigError."""
    if isinstance(given, tuple):
        if not 2 <= len(given) <= 4:
            raise ConfigError(
                f"validation has {len(given)} parts; expected (x, targets[, lengths[, weights]]), or a list "
                "of batches, such as [ost.Batch(x, targets, mask=mask)]"
            )
        x, targets, lengths, weights = (*given, None, None)[:4]
        return read_source(
            "validation", form, x, targets, lengths=lengths, weights=weights, batch_size=batch_size
        )
    if isinstance(given, Real):
        raise ConfigError(
            f"validation is {shown(given)}; a fraction is not taken: choose the rows that are held out "
            "yourself, and pass them as (x, targets[, lengths[, weights]])"
        )
    return read_source("validation", form, given, called="validation")


@contextmanager
def named(owner: str) -> Iterator[None]:
    """Adds the owner of the data to an error."""
    try:
        yield
    except (ShapeError, DTypeError, ConfigError) as error:
        kinds = (ShapeError, DTypeError, ConfigError)
        raise next(kind for kind in kinds if isinstance(error, kind))(f"{owner}: {error}") from error
