"""How well answers are predicted, in a line of text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.models import SequenceRegressor, SequenceTagger
from ostinato.models.base.sequence_model import SequenceModel
from ostinato.models.reading.numbers import determination
from ostinato.sequences.arrays import Array


def score_text(model: SequenceModel, found: Any, truth: Any, learned: Any = None) -> str:
    """The score of predictions. learned: the training answers, whose best constant is the score to beat."""
    if isinstance(model, SequenceRegressor):
        return _of_numbers(found, truth, learned)
    if isinstance(model, SequenceTagger):
        learned = None if learned is None else np.concatenate(learned)
        return _of_labels(np.concatenate(found), np.concatenate(truth), learned, "steps")
    return _of_labels(found, truth, learned, "sequences")


def _of_labels(found: Array, truth: Array, learned: Array | None, what: str) -> str:
    right = found == truth
    text = f"accuracy {right.mean():.3f} ({right.sum()} of {len(truth)} {what})"
    if learned is None:
        return text
    names, counts = np.unique(learned, return_counts=True)
    most = names[counts.argmax()]
    return f"{text}; {str(most)!r} for all: {(truth == most).mean():.3f}"


def _of_numbers(found: Array, truth: Array, learned: Array | None) -> str:
    error = np.abs(found - truth).mean()
    share = determination(found, truth, None)
    text = f"R^2 {share:.3f}, mean absolute error {error:.4g} ({len(truth)} sequences)"
    if learned is None:
        return text
    return f"{text}; the mean of training for all: {np.abs(learned.mean(axis=0) - truth).mean():.4g}"
