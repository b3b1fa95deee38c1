"""An additive scorer that knows where the query before looked."""

from __future__ import annotations

from typing import Any

from ostinato import Param, Scorer
from ostinato.ops import dot, tanh


class Coverage(Scorer):
    """v . tanh(W q + U k + c past): `past` are the weights of the query before, around the key.

    The sum over all earlier queries is a state of a decoder (`State((), on="source")`), not of a scorer.
    Source: Tu et al. 2016, "Modeling coverage for neural machine translation", eq. 6.
    """

    name = "coverage"
    past = 1

    def parameters(self, size: Any) -> dict[str, Param]:
        return {
            "W": Param((size.key, size.query)),
            "U": Param((size.key, size.key)),
            "c": Param((size.key, 3)),
            "v": Param((size.key,), init="uniform"),
        }

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        return dot(p.v, tanh(p.W @ query + p.U @ key + p.c @ place.past))
