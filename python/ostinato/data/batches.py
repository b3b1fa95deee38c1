"""Batches of sequences of different lengths, each with rows of nearly equal length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ostinato import checks
from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.data.by_length import ByLength
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.foreign.calls import hinted
from ostinato.network import Network
from ostinato.sequences.arrays import as_array, as_flags, as_integers
from ostinato.sequences.axis import ROW
from ostinato.sequences.by_axis import by_axis, like_axes
from ostinato.sequences.containers import rows_in
from ostinato.sequences.packed import is_packed, padded, rows_of
from ostinato.strategy import Axes, Batch
from ostinato.training.form import Form, masked
from ostinato.training.same_data import identity

Array = npt.NDArray[Any]

PER: Final = ("step", "sequence")
"""What a target may belong to."""


@dataclass(frozen=True)
class Padding:
    """The size of the batches of one epoch: `valid` steps (masked ones too), and `steps` with the padding.

    `unsorted` is the number of steps that batches of rows in random order would have.
    """

    valid: int
    steps: int
    unsorted: int

    @property
    def share(self) -> float:
        """The fraction of `steps` that is padding, 0 to 1."""
        return 1.0 - self.valid / self.steps if self.steps else 0.0

    @property
    def unsorted_share(self) -> float:
        """The same for rows in random order."""
        return 1.0 - self.valid / self.unsorted if self.unsorted else 0.0

    def __str__(self) -> str:
        return (
            f"{self.valid:,} steps in batches of {self.steps:,}: {self.share:.1%} padding "
            f"({self.unsorted_share:.1%} without sorting by length)"
        )


class Batches(AttributeGuard):
    """An iterable of batches: each `iter` is one pass, and each pass is an epoch in another order.

    Args:
        x: a list of rows (T_n, F) or ids (T_n,); an array (N, T, F) or (N, T) with `lengths`; or packed rows
            (`ostinato.data.Packed`, or PyTorch's PackedSequence). With `net`, a dict of those, and of arrays
            of rows, if the network has several inputs.
        targets: per="step": in the form of x. per="sequence": (N, ...), one for each row. None for no
            targets. With `net`, a dict if the network has several outputs.
        batch_size: the largest number of rows of a batch; max_steps, pool and drop_last as in `ByLength`,
            which makes the batches.
        lengths: (N,) if x is an array; None for T each. For sequences on several axes a dict by axis; the
            batches are then made by the steps of a row on all axes together.
        weights: of the targets in the loss, at least 0, one number for each target in the form of `targets`:
            (N, T), a list of rows (T_n,), or (N,) with per="sequence". With `net`, a dict by output. None
            weighs all alike.
        mask: booleans in the form of x, False at steps to skip (`Network.run`); a dict by axis for several
            axes. The batches are made by lengths, whatever is masked. None skips no step.
        shuffle: a new order of rows and of batches in each epoch. It depends only on `seed` and the epoch
            (for one release of NumPy: its generators may change in the next).
        per: "step" (None means this) or "sequence", for one target of each row; not with `net`.
        net: the network, which knows the names and axes of its inputs and outputs; dicts need it.

    The engine never computes padding. Sorting saves memory and copying of padding; a step with few rows costs
    more per row.

    A `state_dict` taken in the middle of a pass and loaded elsewhere continues with the next batch; a pass
    that was left without it starts again. Raises ShapeError, ConfigError naming the argument.
    """

    _fixed = ("cut", "shuffle", "seed", "lengths")

    @hinted("Batches")
    def __init__(
        self,
        x: Any,
        targets: Any = None,
        *,
        batch_size: int = 32,
        lengths: Any = None,
        weights: Any = None,
        mask: Any = None,
        max_steps: int | None = None,
        pool: int | None = 50,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
        per: str | None = None,
        net: Network | None = None,
    ) -> None:
        owner = "Batches"
        self.cut = ByLength(batch_size, max_steps=max_steps, pool=pool, drop_last=drop_last)
        self.shuffle = checks.flag(owner, "shuffle", shuffle)
        self.seed = checks.whole(owner, "seed", seed, at_least=0)
        if net is None:
            per = checks.choice(owner, "per", "step" if per is None else per, PER)
            self._whole = _of_one(x, targets, lengths, weights, per)
        else:
            self._whole = _of_network(net, x, targets, lengths, weights, per)
            lengths, mask = (
                Form(net).along(what, one) for what, one in (("lengths", lengths), ("mask", mask))
            )
        self._whole = masked(self._whole, _mask_rows(mask, lengths, self._whole))
        self.lengths = self._whole.row_lengths
        self._along = {axis: self._whole.lengths_of(axis) for axis in self._whole.axes.sequences}
        self.cut(self.lengths)  # a row that fits no batch is an error now, not later
        self._identity: int | None = None
        self.epoch = 0
        self._handed, self._skipped = 0, 0

    def __repr__(self) -> str:
        data = {"targets": self._whole.targets, "weights": self._whole.weights}
        return call(self, self._whole.x, **data, cut=self.cut, shuffle=self.shuffle, seed=self.seed)

    def __iter__(self) -> Iterator[Batch]:
        """The remaining batches of this epoch: all of them, unless `load_state_dict` was called."""
        plan, self._handed, self._skipped = self._plan(), self._skipped, 0
        for places in plan[self._handed :]:
            self._handed += 1
            yield self._batch(places)
        self.epoch, self._handed = self.epoch + 1, 0

    def __len__(self) -> int:
        """The number of batches in this epoch."""
        return len(self._plan())

    def padding(self) -> Padding:
        """The padding that sorting by length saves in this epoch."""
        plan, size = self._plan(), self.cut.batch_size
        some = self._order()[: sum(map(len, plan))]
        unsorted = [some[at : at + size] for at in range(0, len(some), size)]
        valid = sum(int(self.lengths[places].sum()) for places in plan)
        return Padding(valid, self._held(plan), self._held(unsorted))

    def state_dict(self) -> dict[str, Any]:
        """Epoch and number of batches returned in it, with its data and settings: JSON values."""
        return {"epoch": self.epoch, "batch": self._handed, **self._same()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The next `iter` continues where `state` was taken. Raises ConfigError for a state of other data."""
        checks.mapping("Batches", "state", state, "what state_dict() returned")
        found = {key: state.get(key) for key in self._same()}
        if found != self._same():
            raise ConfigError(
                f"Batches: the state is of other data or settings: {shown(found)}; expected {self._same()}"
            )
        epoch = checks.whole("Batches", "epoch", state.get("epoch"), at_least=0)
        self._skipped = self._handed = checks.whole("Batches", "batch", state.get("batch"), at_least=0)
        self.epoch = epoch

    def identity(self) -> int:
        """A checksum of the rows, by which a resumed run notices other data."""
        if self._identity is None:
            self._identity = identity(self._whole)
        return self._identity

    def _same(self) -> dict[str, Any]:
        cut = self.cut
        return {
            "rows": len(self.lengths),
            "steps": int(self.lengths.sum()),
            "batch_size": cut.batch_size,
            "max_steps": cut.max_steps,
            "pool": cut.pool,
            "drop_last": cut.drop_last,
            "shuffle": self.shuffle,
            "seed": self.seed,
        }

    def _order(self) -> Array:
        order = np.arange(len(self.lengths))
        if self.shuffle:
            np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        return order

    def _plan(self) -> list[Array]:
        """The rows of each batch of this epoch."""
        order = self._order()
        return [order[places] for places in self.cut(self.lengths[order])]

    def _batch(self, places: Array) -> Batch:
        batch = self._whole.take(places).each(lambda part, axis: part if axis == "row" else padded(part))
        lengths = {axis: lengths[places] for axis, lengths in self._along.items()}
        return batch.replace(lengths=like_axes(lengths, lengths), places=places)

    def _held(self, batches: list[Array]) -> int:
        """Steps of batches of rows, including their padding."""
        lengths = [of_axis[places] for places in batches for of_axis in self._along.values()]
        return sum(len(one) * int(one.max(initial=0)) for one in lengths)


def _of_one(x: Any, targets: Any, lengths: Any, weights: Any, per: str) -> Batch:
    """All rows of one sequence, with targets for each step or each row. Raises ShapeError, ConfigError."""
    if weights is not None and targets is None:
        raise ConfigError("Batches: weights is given without targets; omit it")
    for name, value in (("x", x), ("targets", targets), ("weights", weights)):
        if isinstance(value, Mapping):
            raise ConfigError(
                f"Batches: {name} is a dict; give net=, the network, which knows the axes of its inputs and "
                "outputs"
            )
    rows = _rows("x", x, lengths)
    axes = Axes(outputs={"output": "time" if per == "step" else "row"})

    def read(name: str, value: Any) -> Any:
        if value is None:
            return None
        if per == "step":
            value = _rows(name, value, lengths)
            if [len(row) for row in value] != [len(row) for row in rows]:
                raise ShapeError(f"{name} has other lengths than x; expected one for each step of each row")
            return value
        array = as_array(name, value)
        if array.shape[:1] != (len(rows),):
            raise ShapeError(f"{name} is {array.shape}; expected {len(rows)}, one for each row")
        return array

    whole = Batch(rows, read("targets", targets), weights=read("weights", weights), axes=axes)
    _ = whole.counts  # a weight that no mean can have is an error now, not in some batch
    return whole


def _of_network(net: Network, x: Any, targets: Any, lengths: Any, weights: Any, per: Any) -> Batch:
    """All rows of what a network reads. Raises ShapeError, DTypeError, ConfigError."""
    if not isinstance(net, Network):
        raise DTypeError(f"Batches: net is {shown(net)}; expected a Network")
    if per is not None:
        raise ConfigError(f"Batches: per is {shown(per)}, but net is given, which knows its axes; omit per")
    if net.batch_first is False:
        raise ConfigError(
            "Batches: net takes (T, N, ...), and Batches makes (N, T, ...); make it with batch_first=True"
        )
    whole = Form(net).whole(x, targets, lengths, weights)
    _ = whole.counts
    counts: dict[str, Array] = {}
    for axis in whole.axes.sequences:
        if not whole.is_ragged(axis):
            counts[axis], most = whole.lengths_of(axis), whole.steps_of(axis)
            if ((counts[axis] < 0) | (counts[axis] > most)).any():
                argument = "lengths" if len(whole.axes.sequences) == 1 else f"lengths[{axis!r}]"
                raise ShapeError(f"{argument} has to be ({whole.rows},) integers from 0 to {most}")

    def rows(part: Any, axis: str) -> Any:
        return part if axis == ROW else _rows("a sequence", part, counts.get(axis))

    return whole.each(rows).replace(lengths=None)


def _mask_rows(mask: Any, lengths: Any, whole: Batch) -> Any:
    """The rows of a mask, or of masks by axis, without padding.

    Raises ShapeError, DTypeError, ConfigError.
    """
    axes = whole.axes.sequences
    counts = by_axis("lengths", lengths, axes)

    def rows(axis: str, one: Any) -> Any:
        argument = "mask" if len(axes) == 1 else f"mask[{axis!r}]"
        if isinstance(one, (list, tuple)):
            one = [as_flags(f"{argument}[{n}]", row) for n, row in enumerate(one)]
        return _rows(argument, one, counts.get(axis))

    return like_axes({axis: rows(axis, one) for axis, one in by_axis("mask", mask, axes).items()}, axes)


def _rows(name: str, value: Any, lengths: Any) -> list[Array]:
    """The rows of a list, a packed or a padded array. Raises ShapeError."""
    if is_packed(value):
        rows = rows_of(name, value)
    elif isinstance(value := rows_in(name, value), (list, tuple)):
        rows = [as_array(f"{name}[{n}]", row) for n, row in enumerate(value)]
    else:
        array = as_array(name, value)
        if array.ndim < 2:
            raise ShapeError(f"{name} is {array.shape}; expected (N, T) or (N, T, F), or a list of rows")
        whole = np.full(len(array), array.shape[1])
        counts = whole if lengths is None else as_integers("lengths", lengths)
        if counts.shape != (len(array),) or ((counts < 0) | (counts > array.shape[1])).any():
            raise ShapeError(f"lengths has to be ({len(array)},) integers from 0 to {array.shape[1]}")
        return [row[:count] for row, count in zip(array, counts, strict=True)]
    if lengths is not None:
        raise ConfigError(f"lengths is given, but {name} is a list of rows, each of which has its own")
    for n, row in enumerate(rows):
        if row.ndim == 0 or row.shape[1:] != rows[0].shape[1:] or row.dtype != rows[0].dtype:
            raise ShapeError(
                f"{name}[{n}] is {row.dtype} {row.shape}; expected (T, ...) with the steps of {name}[0], "
                f"{rows[0].dtype} {rows[0].shape[1:]}"
            )
    return rows
