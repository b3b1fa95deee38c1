"""Clipping of gradients by their global norm."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ostinato import _core
from ostinato.arena_view import ranges_between, written_padding
from ostinato.checks import number
from ostinato.errors import DTypeError, NonFiniteError, shown
from ostinato.optimizers.arrays import Array, dense

_EPS = 1e-6
# In the denominator of the scale, as in torch.nn.utils.clip_grad_norm_.


def clip_norm(grads: Mapping[str, Array] | Array, max_norm: float) -> float:
    """Scale `grads` in place by max_norm / (norm + 1e-6) if this is below 1; return the norm before scaling.

    The norm is the root of the sum of squares over all arrays together, summed in float64. Raises ConfigError
    for a `max_norm` that is not above 0 and NonFiniteError, with the gradients unchanged, for a norm that is
    not finite. An optimizer's `step(..., clip_norm=max_norm)` does the same in fewer passes over memory.
    Source: Pascanu et al. 2013, algorithm 1.
    """
    arrays = dict(grads) if isinstance(grads, Mapping) else {"gradient arena": grads}
    for name, one in arrays.items():
        if not isinstance(one, np.ndarray) or one.dtype.kind != "f":
            raise DTypeError(
                f"clip_norm: grads holds {shown(one)} as {shown(name)}; expected arrays of floats"
            )
    norm, scale = clip_scale(arrays, max_norm)
    if scale < 1:
        for one in arrays.values():
            np.multiply(one, scale, out=one, casting="same_kind")
    return norm


def clip_scale(grads: Mapping[str, Array], max_norm: float) -> tuple[float, float]:
    """The global norm of `grads`, and the factor for them: 1 if the norm is within the limit.

    Squares are summed in float64, array by array, each in an order that depends only on its length. Raises as
    `clip_norm`.
    """
    limit = number("clip_norm", "max_norm", max_norm, above=0)
    squares = {name: math.fsum(_square_sum(part) for part in _counted(one)) for name, one in grads.items()}
    norm = math.sqrt(math.fsum(squares.values())) if all(map(math.isfinite, squares.values())) else math.nan
    if not math.isfinite(norm):
        bad = [name for name, one in squares.items() if not math.isfinite(one)] or list(squares)
        raise NonFiniteError(
            f"clip_norm: the norm of grads is not finite, because of {', '.join(bad)}; "
            "lower the learning rate, or look for a NaN in the data"
        )
    return norm, min(1.0, limit / (norm + _EPS))


def _counted(array: Array) -> list[Array]:
    """The parts of an array that are gradients: of an arena, what is not padding."""
    padding = written_padding([array], [array])
    return [array[first:stop] for first, stop in ranges_between(len(array), padding)] if padding else [array]


def _square_sum(array: Array) -> float:
    array = np.asarray(array)
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return _core.square_sum(dense(array))
