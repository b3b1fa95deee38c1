"""Finds the origin of a NaN or an infinity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from ostinato import _core
from ostinato.errors import NonFiniteError, shown
from ostinato.network import Network
from ostinato.optimizers import Optimizer
from ostinato.optimizers.planned import PlannedStep
from ostinato.strategy import Batch, Slopes
from ostinato.strategy.axes import by_name
from ostinato.strategy.batch import Array

LARGE_NORM: Final = 1e15
"""Squares of float32 overflow from 1.8e19 on; sums of many of them before."""


def check_loss(net: Network, batch: Batch, loss: float, place: str) -> None:
    """Raises NonFiniteError, naming the first array that is not finite, if the loss is not."""
    if not math.isfinite(loss):
        raise NonFiniteError(f"{place}: the loss is {loss}; {_origin(net, batch)}")


def check_gradients(net: Network, batch: Batch, grads: Slopes, place: str) -> None:
    """Raises NonFiniteError, naming the first gradient that is not finite. For a norm that is not."""
    for name, grad in grads.params.items():
        bad = _first_bad(grad)
        if bad is not None:
            finding = f"the gradient of {name!r} holds {grad[bad]} at {_at(bad)}"
            raise NonFiniteError(f"{place}: {finding}; {_origin(net, batch)}")


def check_parameters(net: Network, place: str, lr: float) -> None:
    """Raises NonFiniteError, naming the first parameter that an update made infinite or NaN."""
    # One pass over the arena. A sum of float64 may overflow itself; then each parameter is checked.
    if math.isfinite(_core.square_sum(net.arena)):
        return
    for name, value in net.parameters().items():
        bad = _first_bad(value)
        if bad is not None:
            raise NonFiniteError(
                f"{place}: the update made parameter {shown(name)} hold {value[bad]} at {_at(bad)}; "
                f"lower the learning rate, which is {lr:g}"
            )


def check_planned(net: Network, optimizer: Optimizer, planned: PlannedStep, place: str, lr: float) -> None:
    """Raises NonFiniteError, naming the first number that an update would make infinite or NaN."""
    bad = planned.overflow
    if bad is None:
        return
    name, index = bad.name, bad.index
    if not optimizer._is_of_names:  # the step was one of the arena
        one = next(
            one
            for one in net._graph.parameters.values()
            if one.offset <= bad.index[0] < one.offset + one.size
        )
        name = one.name
        index = tuple(int(i) for i in np.unravel_index(bad.index[0] - one.offset, one.shape))
    if not bad.slot:
        raise NonFiniteError(
            f"{place}: the update made parameter {shown(name)} hold {bad.value} at {_at(index)}; "
            f"lower the learning rate, which is {lr:g}"
        )
    raise NonFiniteError(
        f"{place}: the norm of the gradients is {planned.norm or 0.0:.3g}, and made {shown(bad.slot)} of "
        f"optimizer {shown(optimizer.name)} hold {bad.value} at {_at(index)} of {shown(name)}; set "
        "clip_norm=, or look for large numbers in the data"
    )


def check_slots(optimizer: Optimizer, place: str, norm: float) -> None:
    """Raises NonFiniteError, naming the first slot that an update made infinite or NaN.

    norm: of the gradients. Only after large ones a slot can overflow while the parameters do not, such as the
    mean square of Adam, whose updates would be 0 from then on.
    """
    if norm < LARGE_NORM:
        return
    for group in optimizer._kept.values():
        for slot, value in group.items():
            bad = _first_bad(value)
            if bad is not None:
                raise NonFiniteError(
                    f"{place}: the norm of the gradients is {norm:.3g}, and made {shown(slot)} of optimizer "
                    f"{shown(optimizer.name)} hold {value[bad]} at {_at(bad)}; set clip_norm=, or look for "
                    "large numbers in the data"
                )


def _origin(net: Network, batch: Batch) -> str:
    """The non-finite arrays among the inputs of the step, the most likely cause first."""
    for name, value, axis, weights in _arrays(batch):
        if axis == "row":
            found = _in_rows(name, value, batch, weights)
        else:
            found = _in_valid_steps(name, value, batch, axis, weights)
        if found:
            return found
    for kind, named in (("parameter", net.parameters()), ("carried state", batch.state or {})):
        found = _in_mapping(kind, named)
        if found:
            return found
    return "data and parameters are finite, so the step overflowed: lower the learning rate, or clip"


def _arrays(batch: Batch) -> Iterator[tuple[str, Any, str, Any]]:
    """Inputs, targets and weights with the names that errors give them, their axes, and the targets' weights.

    A target of weight 0 is not read.
    """
    axes = batch.axes
    for name, part in by_name(batch.x, axes.inputs).items():
        yield axes.input_name(name), part, axes.inputs[name], None
    weights = by_name(batch.weights, axes.outputs)
    for name, part in by_name(batch.targets, axes.outputs).items():
        yield axes.output_name("targets", name), part, axes.outputs[name], weights.get(name)
    for name, part in weights.items():
        yield axes.output_name("weights", name), part, axes.outputs[name], None


def _in_rows(name: str, value: Any, batch: Batch, weights: Any) -> str:
    """The first non-finite value of an array of rows, where the weights are not 0."""
    bad = _first_bad(value, None if weights is None else np.asarray(weights) != 0)
    return "" if bad is None else f"{name} holds {np.asarray(value)[bad]} in {_row(batch, bad[0])}"


def _in_mapping(kind: str, named: Mapping[str, Array]) -> str:
    for name, value in named.items():
        bad = _first_bad(value)
        if bad is not None:
            return f"{kind} {name!r} holds {value[bad]} at {_at(bad)}"
    return ""


def _in_valid_steps(name: str, value: Any, batch: Batch, axis: str, weights: Any) -> str:
    """The first non-finite value of an array of the batch at a valid step, where the weights are not 0."""
    valid = batch.valid_of(axis)
    if weights is not None:
        valid = valid & (batch.of_steps("weights", weights, axis) != 0)
    if isinstance(value, (list, tuple)):
        for n, one in enumerate(value):
            found = _first_bad(one, valid[n, : len(one)])
            if found is not None:
                return f"{name} holds {np.asarray(one)[found]} in {_row(batch, n)}, step {found[0]}"
        return ""
    array = np.asarray(value)
    array = array if batch.batch_first else array.swapaxes(0, 1)
    first = _first_bad(array, valid)
    if first is None:
        return ""
    row, step, *_ = first
    return f"{name} holds {array[first]} in {_row(batch, row)}, step {step}"


def _row(batch: Batch, row: int) -> str:
    """The row of the data, if the batch has it."""
    return f"row {row} of the batch" if batch.places is None else f"row {batch.places[row]}"


def _first_bad(array: Any, valid: Array | None = None) -> tuple[int, ...] | None:
    """The place of the first value that is not finite; only where `valid`, of the first axes, is True."""
    values = np.asarray(array)
    if values.dtype.kind != "f":
        return None
    finite = np.isfinite(values)
    if valid is not None:
        finite |= ~valid.reshape(*valid.shape, *[1] * (values.ndim - valid.ndim))
    bad = np.argwhere(~finite)
    return tuple(int(one) for one in bad[0]) if len(bad) else None


def _at(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]"
