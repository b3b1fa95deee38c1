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
]
