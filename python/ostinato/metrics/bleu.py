"""Overlap of n-grams."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ostinato import checks
from ostinato.metrics.metric import Metric


class BLEU(Metric):
    """BLEU 0..1 of the most probable ids with the targets, over all rows together, without smoothing.

    y (V,) scores, target an id. The geometric mean of the clipped precisions of n-grams up to `order`, times
    e^(1 - r/c) if the c predicted ids are fewer than the r true ones. While training and in `evaluate` the
    predictions are made with the true ids before them, so both have one length; texts that a network writes
    are measured by `row` and `finish`.

    order: at least 1. Raises ConfigError.
    Source: Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation".
    """

    name = "bleu"
    target: ClassVar[str] = "index"
    better: ClassVar[str] = "higher"
    examples = ({}, {"order": 2})

    def __init__(self, *, order: int = 4) -> None:
        """Choose the longest n-gram."""
        self.order = checks.count("metric 'bleu'", "order", order, at_least=1)

    def row(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Any:
        """Return (2 order + 2,): matched and predicted n-grams of each length; predicted and true ids."""
        predicted, true = outputs.argmax(1).tolist(), np.ravel(targets).tolist()
        counts = []
        for n in range(1, self.order + 1):
            ours, theirs = _grams(predicted, n), _grams(true, n)
            counts += [sum((ours & theirs).values()), sum(ours.values())]
        return np.array([*counts, len(predicted), len(true)], np.float64)

    def finish(self, mean: Any) -> float:
        """Return BLEU; 0 if no n-gram of some length matches."""
        *counts, predicted, true = map(float, mean)
        matched, all_grams = counts[::2], counts[1::2]
        if not all(matched):
            return 0.0
        precision = sum(math.log(one / of) for one, of in zip(matched, all_grams, strict=True)) / self.order
        return math.exp(precision + min(0.0, 1.0 - true / predicted))


def _grams(ids: list[int], n: int) -> Counter[tuple[int, ...]]:
    return Counter(tuple(ids[k : k + n]) for k in range(len(ids) - n + 1))
