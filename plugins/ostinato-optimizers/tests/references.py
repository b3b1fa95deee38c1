"""The optimizers in NumPy, from the papers, without ostinato: each takes a list of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def lion(
    x: Array, grads: Sequence[Array], lr: float = 1e-4, b1: float = 0.9, b2: float = 0.99, decay: float = 0.0
) -> Array:
    """Chen et al. 2023, algorithm 2; the decay is not scaled by lr."""
    x, m = x.copy(), np.zeros_like(x)
    for g in grads:
        c = b1 * m + (1 - b1) * g
        x = x - decay * x - lr * np.sign(c)
        m = b2 * m + (1 - b2) * g
    return x


def lamb(
    x: Array,
    grads: Sequence[Array],
    lr: float = 1e-3,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-6,
    decay: float = 0.0,
) -> Array:
    """You et al. 2020, algorithm 2."""
    x, m, v = x.copy(), np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        r = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps) + decay * x
        length, step = np.linalg.norm(x.ravel()), np.linalg.norm(r.ravel())
        x = x - lr * (length / step if length > 0 and step > 0 else 1.0) * r
    return x


def lars(
    x: Array,
    grads: Sequence[Array],
    lr: float = 1.0,
    momentum: float = 0.9,
    trust: float = 1e-3,
    decay: float = 0.0,
) -> Array:
    """You et al. 2017, algorithm 1."""
    x, v = x.copy(), np.zeros_like(x)
    for g in grads:
        length, slope = np.linalg.norm(x.ravel()), np.linalg.norm(g.ravel())
        local = trust * length / (slope + decay * length) if length > 0 and slope > 0 else 1.0
        v = momentum * v + lr * local * (g + decay * x)
        x = x - v
    return x


def adafactor(
    x: Array,
    grads: Sequence[Array],
    lr: float = 1e-2,
    beta2_decay: float = -0.8,
    eps1: float = 2.0**-23,
    eps2: float = 1e-3,
    d: float = 1.0,
    decay: float = 0.0,
) -> Array:
    """Shazeer and Stern 2018, algorithms 4 and 5, in the form of torch.optim.Adafactor."""

    def rms(a: Array) -> float:
        return float(np.sqrt(np.mean(a * a))) if a.size else 0.0

    x = x.copy()
    if not x.size:
        return x
    row, column, full = np.zeros(x.shape[:-1]), np.zeros(x.shape[-1:]), np.zeros(x.shape)
    for t, g in enumerate(grads, start=1):
        beta = 1 - t**beta2_decay
        if x.ndim > 1:
            row = beta * row + (1 - beta) * np.mean(g * g, axis=-1)
            column = beta * column + (1 - beta) * np.mean(g * g, axis=tuple(range(x.ndim - 1)))
            v = row[..., None] * column / max(float(np.mean(row)), eps1)
        else:
            v = full = beta * full + (1 - beta) * g * g
        u = g / np.sqrt(np.maximum(v, eps1**2))
        alpha = max(eps2, rms(x)) * min(lr, t**-0.5)
        x = x - decay * x - alpha / max(1.0, rms(u) / d) * u
    return x


def adam(x: Array, grads: Sequence[Array], lr: float) -> list[Array]:
    """Kingma and Ba 2015: the change in each step, which depends on the gradients alone."""
    m, v, changes = np.zeros_like(x), np.zeros_like(x), []
    for t, g in enumerate(grads, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        changes.append(-lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8))
    return changes


def lookahead(x: Array, grads: Sequence[Array], lr: float, k: int, alpha: float) -> Array:
    """Zhang et al. 2019, algorithm 1, over Adam."""
    slow = fast = x.copy()
    for t, change in enumerate(adam(x, grads, lr), start=1):
        fast = fast + change
        if t % k == 0:
            slow = slow + alpha * (fast - slow)
            fast = slow
    return fast
