"""A linear-chain conditional random field, with learned transitions."""

from __future__ import annotations

from typing import Any

from ostinato import Loss, Param, State
from ostinato.ops import dot, logsumexp, one_hot, where


class CRFLoss(Loss):
    """-log p of the tags of a row, of which each step counts its own part, with learned transitions.

    Source: Lafferty et al. 2001, "Conditional random fields", section 3.
    """

    name = "crf_loss"
    target = "index"

    def state(self, size: Any) -> dict[str, State]:
        return {"alpha": State(size.output), "before": State(size.output), "begun": State(1)}

    def parameters(self, size: Any) -> dict[str, Param]:
        return {"transitions": Param((size.output, size.output), init="zeros")}

    def step(self, y: Any, target: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        begun, own = state.begun > 0.5, one_hot(target, len(y))
        alpha = y + where(begun, logsumexp(p.transitions + state.alpha), 0.0)
        grown = logsumexp(alpha)
        given = dot(own, y + p.transitions @ state.before)
        return grown - given, {"alpha": alpha - grown, "before": own, "begun": 0.0 * state.begun + 1.0}
