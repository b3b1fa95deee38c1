"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Loss, State
from ostinato.ops import concat, equal, log_softmax, logaddexp, logsumexp, sum, take, where

FAR = -1e30  # the logarithm of 0


class CTCLoss(Loss):
    """-log of the probability of a row's labels, over all their alignments; id 0 is the blank.

    The states are those of labels and blanks in turn. Source: Graves et al. 2006, eq. 6-8.
    """

    name = "ctc_loss"
    target = "labels"
    per = "row"
    examples = ({"labels": 4},)

    def __init__(self, labels: int = 8) -> None:
        self.labels = labels

    def state(self, size: Any) -> dict[str, State]:
        return {"a": State(2 * size.labels + 1), "begun": State(1)}

    def step(self, y: Any, target: Any, state: Any) -> tuple[Any, dict[str, Any]]:
        count, begun, places = self.labels, state.begun > 0.5, np.arange(2 * self.labels + 1)
        p = log_softmax(y)
        wide: Any = np.zeros((len(places), count))
        wide[places[1::2], np.arange(count)] = 1
        emit = take(p, wide @ target)
        used = sum(where(target < 0, 0.0, 1.0))
        repeated = concat(np.zeros(1), equal(target[1:], target[:-1]))
        skip = where(wide @ repeated > 0.5, FAR, np.where((places % 2 == 1) & (places > 1), 0.0, FAR))
        one, two = concat(np.full(1, FAR), state.a[:-1]), concat(np.full(2, FAR), state.a[:-2]) + skip
        a = emit + where(begun, logaddexp(logaddexp(state.a, one), two), np.where(places < 2, 0.0, FAR))
        a = where(places > 2 * used, FAR, a)
        ends = where(equal(places, 2 * used), 0.0, where(equal(places, 2 * used - 1), 0.0, FAR))
        total = logsumexp(a + ends)
        return where(total < -1e29, 0.0, -total), {"a": a, "begun": 0.0 * state.begun + 1.0}
