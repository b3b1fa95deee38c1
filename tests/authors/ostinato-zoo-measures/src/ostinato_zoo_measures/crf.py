"""A linear-chain conditional random field, with fixed transitions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Loss, State
from ostinato.ops import dot, logsumexp, one_hot, where


class CRFLoss(Loss):
    """-log p of the tags of a row, of which each step counts its own part; leaving a tag costs `change`.

    Source: Lafferty et al. 2001, "Conditional random fields", section 3.
    """

    name = "crf_loss"
    target = "index"

    def __init__(self, change: float = 1.0) -> None:
        self.change = change

    def state(self, size: Any) -> dict[str, State]:
        return {"alpha": State(size.output), "before": State(size.output), "begun": State(1)}

    def step(self, y: Any, target: Any, state: Any) -> tuple[Any, dict[str, Any]]:
        begun, own = state.begun > 0.5, one_hot(target, len(y))
        stay = self.change * np.eye(len(y))
        alpha = y + where(begun, logsumexp(stay + state.alpha), 0.0)
        grown = logsumexp(alpha)
        given = dot(own, y + stay @ state.before)
        return grown - given, {"alpha": alpha - grown, "before": own, "begun": 0.0 * state.begun + 1.0}
