"""Probabilities of logits."""

from __future__ import annotations

import numpy as np

from ostinato.sequences.arrays import Array


def softmax(logits: Array) -> Array:
    """Probabilities (..., C) of logits, in float64. A row does not depend on the others."""
    scores = np.ascontiguousarray(logits, dtype=np.float64)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: Array = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
