"""Permutation importance: how much worse the answers become when a feature comes from other sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class Importance:
    """The importance of each feature: the score of the data minus that with the feature exchanged.

    names: (F,) of the features; scores: (F, repeats) differences; mean, deviation: (F,) over the repeats.
    """

    names: list[str]
    scores: Array

    @property
    def mean(self) -> Array:
        """(F,): how much of the score the feature is worth. Near 0: the model does without it."""
        found: Array = self.scores.mean(axis=1)
        return found

    @property
    def deviation(self) -> Array:
        """(F,): over the repeats."""
        found: Array = self.scores.std(axis=1)
        return found

    def __str__(self) -> str:
        order = np.argsort(-self.mean, kind="stable")
        wide = max(map(len, self.names))
        return "\n".join(
            f"{self.names[n]:{wide}} {self.mean[n]:8.4f} +- {self.deviation[n]:.4f}" for n in order
        )


def permutation_importance(
    rows: Sequence[Array], score: Callable[[list[Array]], float], names: list[str], repeats: int, seed: int
) -> Importance:
    """Exchanges one feature at a time between sequences, and measures the score.

    A row gets the feature of another row, step by step; that of a shorter row is repeated, so that the order
    of its steps stays. rows: (T_n, F). Source: Breiman 2001, "Random forests", section 10.
    """
    random = np.random.default_rng(seed)
    whole = score(list(rows))
    found = np.empty((len(names), repeats))
    for repeat in range(repeats):
        order = random.permutation(len(rows))
        for feature in range(len(names)):
            made = []
            for row, other in zip(rows, order, strict=True):
                changed = row.copy()
                changed[:, feature] = np.resize(rows[other][:, feature], len(row))
                made.append(changed)
            found[feature, repeat] = whole - score(made)
    return Importance(names, found)
