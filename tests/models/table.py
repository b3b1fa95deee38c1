"""The estimators that the tests of models go through, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

import ostinato as ost


@dataclass(frozen=True, eq=False)
class Row:
    """An estimator with data to fit and new sequences to answer."""

    kind: Callable[..., Any]
    data: tuple[Any, ...]
    new: list[Any]
    answers: Callable[[Any, Any], Any]
    small: dict[str, Any]

    @property
    def name(self) -> str:
        return getattr(self.kind, "__name__", "model")

    def make(self, **parameters: Any) -> Any:
        return self.kind(**{"random_state": 3, **self.small, **parameters})

    def fitted(self) -> Any:
        """A model of its own, trained for two epochs."""
        return self.make(max_iter=2).fit(*self.data)


@cache
def sequences(count: int = 40, seed: int = 0) -> list[Any]:
    """Rows (T_n, 2) of different lengths; every other row rises."""
    rng = np.random.default_rng(seed)
    made = []
    for n in range(count):
        steps = int(rng.integers(3, 15))
        made.append(rng.normal(size=(steps, 2)) + (n % 2) * np.linspace(0, 2, steps)[:, None])
    return made


SENTENCES = [
    ["the", "dog", "runs"],
    ["a", "cat", "sleeps", "now"],
    ["dogs", "run"],
    ["the", "cat", "runs", "and", "the", "dog", "sleeps"],
]
TAGS = [["D", "N", "V"], ["D", "N", "V", "A"], ["N", "V"], ["D", "N", "V", "C", "D", "N", "V"]]
OTHERS = [["a", "dog", "naps"], ["cats"], ["now", "the", "runner", "runs", "a", "run"]]


@cache
def waves(count: int = 12) -> tuple[list[Any], list[Any]]:
    """Rows (T_n, 2), and for each step whether the first feature is above 0."""
    rows = sequences(count, seed=7)
    return rows, [row[:, 0] > 0 for row in rows]


def tagger(**parameters: Any) -> Any:
    return ost.SequenceTagger(**{"num_layers": 1, "embedding_size": 4, "character_size": 3, **parameters})


def crf(**parameters: Any) -> Any:
    return tagger(transitions="crf", **parameters)


def of_features(**parameters: Any) -> Any:
    return ost.SequenceTagger(**{"num_layers": 1, **parameters})


@cache
def words(count: int = 24, seed: int = 0) -> list[str]:
    """Texts of 2 to 6 of the letters a to d."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abcd"), int(rng.integers(2, 7)))) for _ in range(count)]


def pairs(**parameters: Any) -> Any:
    return ost.Seq2Seq(**{"encoder_layers": 1, "embedding_size": 3, "beam_size": 2, **parameters})


def pointing(**parameters: Any) -> Any:
    return pairs(pointer=True, **parameters)


def written(model: Any, X: Any) -> list[Any]:
    """What is written, and where the decoder attends."""
    return list(zip(model.predict(X), model.alignment(X).weights, strict=True))


LABELS = ["calm", "windy", "stormy"] * 8


@cache
def contexts(count: int = 24, seed: int = 0) -> Any:
    """Numbers (N, 2)."""
    return np.random.default_rng(seed).normal(size=(count, 2))


@cache
def ramps(count: int = 24) -> list[Any]:
    """Rows (T_n, 1) that rise by the first number of their context."""
    steps = np.random.default_rng(1).integers(2, 6, count)
    return [np.arange(n)[:, None] * a for n, (a, _) in zip(steps, contexts(count), strict=True)]


def texts_of(**parameters: Any) -> Any:
    return ost.SequenceGenerator(**{"embedding_size": 3, "beam_size": 2, **parameters})


def numbers_of(**parameters: Any) -> Any:
    return ost.SequenceGenerator(**parameters)


SMALL = {"hidden_size": 4}
TABLE = [
    Row(
        ost.SequenceClassifier,
        (sequences(), ["falls", "rises"] * 20),
        sequences(9, seed=1),
        lambda model, X: model.predict_proba(X),
        SMALL,
    ),
    Row(
        ost.SequenceRegressor,
        (sequences(), [float(row.sum()) for row in sequences()]),
        sequences(9, seed=1),
        lambda model, X: model.predict(X),
        SMALL,
    ),
    Row(tagger, (SENTENCES * 3, TAGS * 3), OTHERS, lambda model, X: model.predict_proba(X), SMALL),
    Row(crf, (SENTENCES * 3, TAGS * 3), OTHERS, lambda model, X: model.predict(X), SMALL),
    Row(of_features, waves(), sequences(5, seed=8), lambda model, X: model.predict_proba(X), SMALL),
    Row(pairs, (words(), [one[::-1] for one in words()]), words(6, seed=1), written, SMALL),
    Row(pointing, (words(), [one[::-1] for one in words()]), words(6, seed=1), written, SMALL),
    Row(texts_of, (LABELS, words()), LABELS[:6], lambda model, X: model.predict(X), SMALL),
    Row(numbers_of, (contexts(), ramps()), contexts(5, seed=2), lambda model, X: model.predict(X), SMALL),
]
