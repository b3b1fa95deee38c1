"""BFGS for many small problems together: each row has its own parameters, and one call evaluates all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from ostinato.sequences.arrays import Array
from ostinato.settings import ignoring

LONGEST: Final = 2.0
"""The longest step in any parameter."""
ARMIJO: Final = 1e-4
HALVINGS: Final = 15


def minimized(
    evaluate: Callable[[Array], tuple[Array, Array]], start: Array, max_iter: int, tol: float
) -> tuple[Array, Array, int]:
    """Parameters (N, K) and values (N,) of minima, and how many iterations there were.

    evaluate: the values (N,) and gradients (N, K) at parameters (N, K); one that is not finite is refused. A
    row ends when no element of its gradient is above `tol`, or no step improves it. Source: Nocedal and
    Wright 2006, algorithms 3.1 and 6.1.
    """
    x = start.copy()
    value, gradient = evaluate(x)
    inverse = np.tile(np.eye(x.shape[1]), (len(x), 1, 1))
    active, iterations = np.ones(len(x), bool), 0
    while iterations < max_iter:
        active &= np.abs(gradient).max(1) > tol
        if not active.any():
            break
        iterations += 1
        direction = -np.einsum("nij,nj->ni", inverse, gradient)
        slope = (direction * gradient).sum(1)
        lost = slope >= 0
        direction[lost], inverse[lost] = -gradient[lost], np.eye(x.shape[1])
        slope = (direction * gradient).sum(1)
        length = np.minimum(1.0, LONGEST / np.maximum(np.abs(direction).max(1), 1e-300))
        todo, found = active.copy(), (x.copy(), value.copy(), gradient.copy())
        for _ in range(HALVINGS):
            tried = np.where(todo[:, None], x + length[:, None] * direction, x)
            new_value, new_gradient = evaluate(tried)
            bound = value + ARMIJO * length * slope
            good = todo & np.isfinite(new_value) & ignoring(np.less_equal, new_value, bound)
            good &= np.isfinite(new_gradient).all(1)
            for target, source in zip(found, (tried, new_value, new_gradient), strict=True):
                target[good] = source[good]
            todo &= ~good
            if not todo.any():
                break
            length = np.where(todo, length / 2, length)
        active &= ~todo
        step, change = found[0] - x, found[2] - gradient
        curved = (step * change).sum(1) > 1e-12
        for n in np.flatnonzero(curved & active):
            inverse[n] = _updated(inverse[n], step[n], change[n])
        x, value, gradient = found
    return x, value, iterations


def _updated(inverse: Array, step: Array, change: Array) -> Array:
    """The BFGS update of an inverse Hessian."""
    rho = 1.0 / float(step @ change)
    left = np.eye(len(step)) - rho * np.outer(step, change)
    made: Array = left @ inverse @ left.T + rho * np.outer(step, step)
    return made
