"""Clipping of gradients by their global norm."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ostinato.checks import number
from ostinato.errors import NonFiniteError
from ostinato.optimizers.optimizer import Array

_EPS = 1e-6
# In the denominator of the scale, as in torch.nn.utils.clip_grad_norm_.


def clip_norm(grads: Mapping[str, Array] | Array, max_norm: float) -> float:
    """Scale `grads` in place by max_norm / (norm + 1e-6) where that is below 1; return the norm before.

    The norm is the root of the sum of squares over all arrays together, summed in float64. Raises ConfigError
    for a `max_norm` that is not above 0 and NonFiniteError, with the gradients unchanged, for a norm that is
    not finite. Source: the reference, "Gradient Clipping"; Pascanu et al. 2013, algorithm 1.
    """
    limit = number("clip_norm", "max_norm", max_norm, above=0)
    arrays = dict(grads) if isinstance(grads, Mapping) else {"gradient arena": grads}
    squares = {name: float(np.sum(np.square(one, dtype=np.float64))) for name, one in arrays.items()}
    norm = math.sqrt(math.fsum(squares.values())) if all(map(math.isfinite, squares.values())) else math.nan
    if not math.isfinite(norm):
        bad = [name for name, one in squares.items() if not math.isfinite(one)] or list(squares)
        raise NonFiniteError(
            f"clip_norm: the norm of the gradients is not finite, through {', '.join(bad)}; "
            "lower the learning rate, or look for a NaN in the data"
        )
    scale = limit / (norm + _EPS)
    if scale < 1:
        for one in arrays.values():
            np.multiply(one, scale, out=one, casting="same_kind")
    return norm
