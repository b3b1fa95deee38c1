"""What `value_and_grad` minimizes: a loss of one step or row, summed or averaged over all valid ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato import _core, checks
from ostinato.cell import takes_noise
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.losses import Loss
from ostinato.network.graph import Node
from ostinato.plugins.blame import blamed
from ostinato.plugins.registry import registry
from ostinato.sequences.arrays import Array, as_array
from ostinato.sequences.axis import ROW, TIME, Axis
from ostinato.sequences.batch import Batch, read_rows, read_steps
from ostinato.sequences.containers import rows_in
from ostinato.trace import trace_loss

REDUCTIONS: Final = ("mean", "sum")


@dataclass(frozen=True)
class Weighted:
    """A loss that is multiplied by `scale` in the sum of the losses of several outputs."""

    loss: Any
    scale: float


def weighted(loss: Any, scale: float) -> Weighted:
    """A loss multiplied with `scale`: for networks of several outputs.

    The loss is a name, a Loss class or an instance.
    Raises ConfigError for a scale that is no finite number.
    """
    return Weighted(loss, checks.number("weighted", "scale", scale))


@dataclass(frozen=True)
class Objective:
    """A traced loss for outputs of `width` features along an axis."""

    program: _core.Program
    takes_ids: bool
    reduction: str
    width: int
    dtype: str
    axis: Axis = TIME
    scale: float = 1.0
    per_row: bool = False
    """Whether only the last step of each row counts, and targets and weights are of rows."""
    labels: int = 0
    """The numbers of a target, for labels: ids, filled up with -1."""
    classes: int = 0
    """Ids are below it."""
    target_width: int = 0
    """The numbers of a target, for numbers."""
    drawn: _core.Program | None = None
    """The program for training of a loss that draws noise; `program` has the expectation."""
    ignore: int | None = None
    """The id that stands for no target."""
    target_range: tuple[float, float] | None = None
    """The least and the largest number of a target."""
    name: str = ""
    """Of the loss."""

    @classmethod
    def of(cls, loss: Any, reduction: Any, output: Node, dtype: str) -> Objective:
        """Traces a loss for an output: a name, a Loss class or an instance, or one of these weighted.

        Raises ConfigError, DTypeError; ShapeError if it does not fit.
        """
        checks.choice("value_and_grad", "reduction", reduction, REDUCTIONS)
        scale = 1.0
        if isinstance(loss, Weighted):
            loss, scale = loss.loss, loss.scale
        loss = registry.make("loss", loss, Loss)
        _check_kinds(loss)
        per_row = loss.per == "row"
        if per_row and output.axis == ROW:
            raise ConfigError(
                f"loss {shown(loss.name)} reads the last step of each row of a sequence; this output has one "
                "value for each row"
            )
        with blamed(loss):
            program = trace_loss(loss, output.width)
            drawn = trace_loss(loss, output.width, training=True) if takes_noise(loss) else None
        labels = loss.labels if loss.target == "labels" else 0
        takes_ids, classes = loss.target == "index", loss.classes(output.width)
        return cls(
            program,
            takes_ids,
            reduction,
            output.width,
            dtype,
            output.axis,
            scale,
            per_row,
            labels,
            classes,
            int(loss.target_size(output.width)) if loss.target == "output" else 0,
            drawn,
            getattr(loss, "ignore", None) if takes_ids else None,
            loss.target_range() if loss.target == "output" else None,
            loss.name,
        )

    def argument(
        self,
        batch: Batch,
        targets: Any,
        weights: Any,
        output: int = 0,
        name: str | None = None,
        params: Sequence[tuple[int, Array]] = (),
        training: bool = False,
    ) -> _core.OutputLoss:
        """The core's form of the loss of an output, by its number; `name` is that of one among several.

        `params` are the offset and the values of each parameter; `training`: whether noise is drawn.
        Raises ShapeError, DTypeError or ConfigError by name.
        """
        of = "" if name is None else f"[{name!r}]"
        program = self.drawn if training and self.drawn is not None else self.program
        weights = without_ignored(f"targets{of}", targets, weights, self.ignore, self.dtype)
        if self.per_row:
            return self._of_rows(batch, targets, weights, output, of, program, params)
        trailing: tuple[int, ...] = () if self.takes_ids else (self.target_width,)
        dtype = None if self.takes_ids else self.dtype
        limit = self.classes if self.takes_ids else None
        scale = None if weights is None else self._read(f"weights{of}", weights, batch, (), self.dtype)
        # a loss with states reads the target of a step that does not count, for the steps after it
        used = None if scale is None or self.program.states else scale != 0
        read = self._read(f"targets{of}", targets, batch, trailing, dtype, limit, used)
        self._check_range(f"targets{of}", read, used, None if self.axis == ROW else batch.of(self.axis).valid)
        if self.reduction == "mean" and scale is not None and self._negative(scale, batch):
            raise _negative_weight(of)
        return _core.OutputLoss(output, program, read, scale, self.scale, False, params)

    def _of_rows(
        self,
        batch: Batch,
        targets: Any,
        weights: Any,
        output: int,
        of: str,
        program: _core.Program,
        params: Sequence[tuple[int, Array]],
    ) -> _core.OutputLoss:
        """The core's form of a loss of rows: the target and the weight of a row at each of its steps."""
        along = batch.of(self.axis)
        scale = None if weights is None else read_rows(f"weights{of}", weights, batch.rows, (), self.dtype)
        if self.reduction == "mean" and scale is not None and (scale < 0).any():
            raise _negative_weight(of)
        name, used = f"targets{of}", None if scale is None else scale != 0
        if self.labels:
            read = self._labels(name, targets, batch.rows, used)
        else:
            trailing = () if self.takes_ids else (self.target_width,)
            limit = self.classes if self.takes_ids else None
            dtype = None if self.takes_ids else self.dtype
            read = read_rows(name, targets, batch.rows, trailing, dtype, limit, used)
            self._check_range(name, read, used, None)
        steps = along.steps
        repeated = np.repeat(read[:, None], steps, axis=1)
        spread = None if scale is None else np.repeat(scale[:, None], steps, axis=1)
        return _core.OutputLoss(output, program, repeated, spread, self.scale, True, params)

    def _labels(self, name: str, targets: Any, rows: int, used: Array | None) -> Array:
        """(N, labels) whole numbers below `classes`; less than 0 after the last label of a row."""
        array = as_array(name, targets)
        if array.dtype.kind not in "iu":
            raise DTypeError(f"{name} is {shown(targets)}; expected integers, the labels of each row")
        if array.shape != (rows, self.labels):
            raise ShapeError(
                f"{name} is {array.shape}; expected {(rows, self.labels)}, labels filled up with -1"
            )
        if used is not None:
            array = np.where(used[:, None], array, -1)
        ended = np.cumsum(array < 0, axis=1) > 0
        wrong = np.argwhere((array >= self.classes) | (ended & (array >= 0)))
        if wrong.size:
            row, place = map(int, wrong[0])
            raise ConfigError(
                f"{name} has {array[row, place]} in row {row}, place {place}; expected labels from 0 to "
                f"{self.classes - 1}, and -1 after the last"
            )
        return np.where(ended, -1, array).astype(self.dtype)

    def _check_range(self, name: str, targets: Array, used: Array | None, valid: Array | None) -> None:
        """Raises ConfigError for a target outside of the range of the loss, where it is read."""
        if self.target_range is None:
            return
        low, high = self.target_range
        wrong = (targets < low) | (targets > high)
        for counts in (used, valid):
            if counts is not None:
                wrong &= counts[..., None]
        if wrong.any():
            place = tuple(int(one) for one in np.argwhere(wrong)[0])
            raise ConfigError(
                f"{name}{list(place)} is {targets[place]:g}; the loss {shown(self.name)} takes numbers from "
                f"{low:g} to {high:g}"
            )

    def _negative(self, weights: Array, batch: Batch) -> bool:
        """Whether the weight of a valid step, or of a row, is below 0."""
        below, valid = weights < 0, None if self.axis == ROW else batch.of(self.axis).valid
        return bool((below if valid is None else below & valid).any())

    def _read(
        self,
        name: str,
        value: Any,
        batch: Batch,
        trailing: tuple[int, ...],
        dtype: str | None,
        limit: int | None = None,
        used: Array | None = None,
    ) -> Array:
        if self.axis == ROW:
            return read_rows(name, value, batch.rows, trailing, dtype, limit, used)
        return read_steps(name, value, batch.of(self.axis), trailing, dtype, limit, used)


def without_ignored(name: str, targets: Any, weights: Any, ignore: int | None, dtype: str) -> Any:
    """The weights, 0 where a target is the id that stands for none; None for 1 everywhere.

    Targets and weights are arrays, or lists of arrays, one for each row. Raises ShapeError, DTypeError.
    """
    if ignore is None:
        return weights
    given = rows_in(name, targets)
    if isinstance(given, (list, tuple)) and any(np.ndim(one) for one in given):
        each = [None] * len(given) if weights is None else list(rows_in("weights", weights))
        if len(each) != len(given):
            return weights  # reading it raises the error
        return [
            without_ignored(f"{name}[{n}]", one, of, ignore, dtype)
            for n, (one, of) in enumerate(zip(given, each, strict=True))
        ]
    used = (as_array(name, given) != ignore).astype(dtype)
    if weights is None:
        return used
    scale = as_array("weights", weights)
    return np.where(used > 0, scale, 0).astype(dtype) if scale.shape == used.shape else weights


def _negative_weight(of: str) -> ConfigError:
    return ConfigError(
        f"weights{of} holds a negative number, and a mean is divided by their sum; expected numbers from 0, "
        'or reduction="sum"'
    )


def _check_kinds(loss: Loss) -> None:
    """Raises ConfigError for a loss that declares unknown targets."""
    owner = f"loss {shown(loss.name)}"
    if loss.target not in ("index", "output", "labels"):
        raise ConfigError(f"{owner}: target is {shown(loss.target)}; expected 'index', 'output' or 'labels'")
    if loss.per not in ("step", "row"):
        raise ConfigError(f"{owner}: per is {shown(loss.per)}; expected 'step' or 'row'")
    if loss.target == "labels":
        checks.count(owner, "labels", getattr(loss, "labels", 0), at_least=1)
        if loss.per != "row":
            raise ConfigError(f"{owner}: target is 'labels', which are of a row; expected per = 'row'")
