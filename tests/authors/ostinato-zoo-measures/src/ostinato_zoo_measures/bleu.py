"""BLEU of a row."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from ostinato import Metric


class Bleu(Metric):
    """The geometric mean of n-gram precisions of all rows, up to `order`, times the brevity penalty.

    Source: Papineni et al. 2002, "BLEU", section 2.3; hits and totals are summed over rows.
    """

    name = "bleu2"
    target = "index"
    better = "higher"

    def __init__(self, order: int = 2) -> None:
        self.order = order

    def row(self, outputs: Any, targets: Any) -> list[float]:
        said, true = outputs.argmax(-1).tolist(), targets.tolist()
        counts: list[float] = []
        for n in range(1, self.order + 1):
            grams = [Counter(zip(*(ids[i:] for i in range(n)), strict=False)) for ids in (said, true)]
            counts += [float((grams[0] & grams[1]).total()), float(grams[0].total())]
        return [*counts, float(len(said)), float(len(true))]

    def finish(self, mean: Any) -> float:
        *counts, said, true = mean
        logs = [
            math.log(max(hits, 1e-9) / max(total, 1e-9))
            for hits, total in zip(*[iter(counts)] * 2, strict=True)
        ]
        return math.exp(sum(logs) / self.order + min(0.0, 1 - true / max(said, 1e-9)))
