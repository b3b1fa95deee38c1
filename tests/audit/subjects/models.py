"""Estimators: each parameter changes what a fit gives, or is refused."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import ostinato as ost
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import once
from tests.audit.subjects.trainer import Doubles, pair

_rng = np.random.default_rng(0)
X = [_rng.normal(size=(n, 2)) for n in (3, 5, 4, 6, 3, 4, 5, 7)]
KINDS = ["a", "b", "b", "a", "b", "b", "a", "b"]
NUMBERS = [float(row.sum()) for row in X]
WORDS = [["the", "dog", "runs"], ["a", "cat", "sleeps", "now"], ["dogs", "run"], ["the", "cat", "runs"]] * 2
TAGS = [["O", "B-x", "I-x"], ["O", "B-x", "I-x", "O"], ["B-x", "O"], ["O", "B-x", "O"]] * 2
TEXT = "the dog and the cat sing to the dog. " * 3


def fitted(make: Callable[..., Any], small: dict[str, Any], *data: Any) -> Callable[..., Any]:
    """One or several fits of an estimator, and all that they leave."""

    def result(*, fits: int = 1, **options: Any) -> Any:
        made = make(**options)
        with contextlib.redirect_stderr(io.StringIO()) as out:
            for _ in range(fits):
                made.fit(*data)
        answer = (
            made.predict_proba if hasattr(made, "predict_proba") else getattr(made, "predict", made.score)
        )
        if getattr(made, "transitions", None):
            answer = made.predict
        found = answer(data[0])
        return made.network_.arena.copy(), made.n_iter_, made.loss_curve_, repr(found), bool(out.getvalue())

    return once(make, {"random_state": 0, "max_iter": 1, **small}, result)


SHARED: Mapping[str, Any] = {
    "optimizer": pair("optimizer", "adam", "sgd"),
    "learning_rate_init": pair("learning_rate_init", 0.1, 0.2),
    "schedule": pair("schedule", "auto", None),
    "strategies": pair("strategies", [], ["curriculum/length"]),
    "clip_norm": pair("clip_norm", None, 0.01),
    "max_iter": pair("max_iter", 1, 2),
    "batch_size": pair("batch_size", 2, 4),
    "early_stopping": pair("early_stopping", False, True),
    "validation_fraction": pair("validation_fraction", 0.2, 0.5, early_stopping=True),
    "n_iter_no_change": pair("n_iter_no_change", 1, 5, tol=100.0, max_iter=4),
    "tol": pair("tol", 0.0, 100.0, n_iter_no_change=1, max_iter=3, dropout=0.0),
    "warm_start": pair("warm_start", False, True, fits=2),
    "random_state": pair("random_state", 0, 1),
    "verbose": pair("verbose", False, True),
    "callbacks": pair("callbacks", [], [Doubles()], optimizer="sgd", clip_norm=None),
    # neither changes a number
    "checkpoint": Refused(3, "checkpoint"),
    "n_jobs": Refused(0, "n_jobs"),
    "cell": pair("cell", "gru", "lstm"),
    "hidden_size": pair("hidden_size", 2, 3),
    "num_layers": pair("num_layers", 1, 2),
    "dropout": pair("dropout", 0.0, 0.5),
}
POOLED: Mapping[str, Any] = {
    **SHARED,
    "cell_options": pair("cell_options", {"reset": "before"}, {"reset": "after"}),
    "bidirectional": pair("bidirectional", False, True),
    "pooling": pair("pooling", "mean", ["last", "sum"]),
    "regularizers": pair("regularizers", [], [ost.L2(1.0)]),
    "scale": pair("scale", False, True),
    "n_members": pair("n_members", 1, 2),
}
SMALL = {"hidden_size": 2}
WORDY = {**SMALL, "num_layers": 1, "embedding_size": 2, "character_size": 2}
LETTERS = {**SMALL, "embedding_size": 2, "window": 8, "batch_size": 2}

MODELS = [
    Call(
        "SequenceClassifier",
        ost.SequenceClassifier,
        fitted(ost.SequenceClassifier, SMALL, X, KINDS),
        {
            **POOLED,
            "loss": pair("loss", "cross_entropy", ost.CrossEntropy(label_smoothing=0.5)),
            "class_weight": pair("class_weight", None, "balanced"),
            "temperature": pair("temperature", 1.0, 2.0),
        },
    ),
    Call(
        "SequenceRegressor",
        ost.SequenceRegressor,
        fitted(ost.SequenceRegressor, SMALL, X, NUMBERS),
        {**POOLED, "loss": pair("loss", "mse", "mae")},
    ),
    Call(
        "SequenceTagger",
        ost.SequenceTagger,
        fitted(ost.SequenceTagger, WORDY, WORDS, TAGS),
        {
            **SHARED,
            "strategies": Refused(["curriculum/length"], "a curriculum that chooses whole rows"),
            "embedding_size": pair("embedding_size", 2, 3),
            "character_size": pair("character_size", 0, 2),
            "transitions": pair("transitions", None, "iob2"),
            "loss": pair("loss", "auto", ost.CrossEntropy(label_smoothing=0.5)),
        },
    ),
    Call(
        "LanguageModel",
        ost.LanguageModel,
        fitted(ost.LanguageModel, LETTERS, TEXT),
        {
            **SHARED,
            "strategies": pair("strategies", [], ["sampling/free_running"]),
            "level": pair("level", "character", "word"),
            "embedding_size": pair("embedding_size", 2, 3),
            "window": pair("window", 8, 16),
        },
    ),
]
