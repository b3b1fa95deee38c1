"""The scores of a conditional random field: those of the tags at a step, and those of transitions."""

from __future__ import annotations

from ostinato.cell import Cell, Param, State
from ostinato.dims import Dim
from ostinato.namespace import Names
from ostinato.ops import Value, concat, reshape


class CRFScores(Cell):
    """Scores of K = hidden tags, W x + b, and the learned scores of transitions A, for the loss "crf".

    x (input,), output (K + K * K,): the score of tag j after tag i stands at K + j * K + i. It has no state.
    Source: Lafferty et al. 2001, "Conditional random fields", eq. 1, with features of one tag and of two.
    """

    name = "crf_scores"

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return weight (K, I), bias (K,) and transitions (K, K), to and from a tag."""
        return {
            "weight": Param((size.hidden, size.input), init="xavier_uniform"),
            "bias": Param((size.hidden,), init="zeros"),
            "transitions": Param((size.hidden, size.hidden), init="zeros"),
        }

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return no state."""
        return {}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return the scores of the tags, and those of the transitions to each tag."""
        scores = p.weight @ x + p.bias
        return concat(scores, reshape(p.transitions, (-1,))), {}
