"""The temperature of a classifier: how sure its probabilities are, from rows that training held out."""

from __future__ import annotations

from typing import Final

import numpy as np

from ostinato.models.base.softmax import softmax
from ostinato.sequences.arrays import Array

LEAST: Final = 50
"""Held-out rows from which a temperature is fitted: fewer say too little."""
STEPS: Final = 60
WIDEST: Final = 3.0
"""The temperature is from exp(-3) to exp(3)."""


def fit_temperature(logits: list[Array], numbers: Array, weights: Array | None) -> float:
    """The T for which the mean over members of softmax(logits / T) has the least loss on held-out rows.

    logits: of each member, (N, C); numbers: (N,) class numbers; weights: (N,) or None. 1.0 for fewer than 50
    rows. Targets are smoothed by 1 / (N + 2), so that rows without an error give no temperature of 0.
    Sources: Guo et al. 2017, "On calibration of modern neural networks", section 4.2; the targets Platt 1999,
    section 2.2.
    """
    rows, classes = logits[0].shape
    if rows < LEAST:
        return 1.0
    error = 1.0 / (rows + 2.0)
    targets = np.full((rows, classes), error / (classes - 1))
    targets[np.arange(rows), numbers] = 1.0 - error
    each = np.ones(rows) if weights is None else weights.astype(np.float64)

    def loss(log: float) -> float:
        logs = np.log(np.maximum(mean_softmax(logits, float(np.exp(log))), 1e-300))
        return float(-(each * (targets * logs).sum(axis=1)).sum())

    # Golden section: the loss of one member has one minimum.
    ratio = (np.sqrt(5.0) - 1.0) / 2.0
    low, high = -WIDEST, WIDEST
    for _ in range(STEPS):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) <= loss(b) else (a, high)
    return float(np.exp((low + high) / 2.0))


def mean_softmax(logits: list[Array], temperature: float) -> Array:
    """The mean over members of their probabilities (N, C), float64."""
    parts = [softmax(one if temperature == 1.0 else one.astype(np.float64) / temperature) for one in logits]
    made: Array = parts[0] if len(parts) == 1 else np.sum(parts, axis=0) / len(parts)
    return made
