"""The local scorer."""

from __future__ import annotations

from typing import Any

from ostinato import ConfigError, Param, Scorer
from ostinato.ops import dot, sigmoid, tanh


class Local(Scorer):
    """query . W key, reduced by the distance of the key from a position that the query predicts.

        centre = (length - 1) sigmoid(v . tanh(W_p query))
        score = query . W key - (position - centre)^2 / (2 width^2)

    width: keys of a standard deviation, above 0. Raises ConfigError for another. Source: Luong et al. 2015,
    "Effective approaches to attention-based neural machine translation", eq. 9-10, "local-p". There the bell
    multiplies weights that sum to 1, here it goes into the softmax, so that they still do; and a key counts
    from 0.
    """

    name = "local"

    examples = ({}, {"width": 1.5})

    def __init__(self, width: float = 5.0) -> None:
        if isinstance(width, bool) or not isinstance(width, int | float) or not width > 0:
            raise ConfigError(f"scorer 'local': width is {width!r}; expected a number above 0")
        self.width = width

    def parameters(self, size: Any) -> dict[str, Param]:
        """W (Q, K), W_p (Q, Q) and v (Q,)."""
        return {
            "weight": Param((size.query, size.key)),
            "weight_p": Param((size.query, size.query)),
            "v": Param((size.query,), init="uniform"),
        }

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        """Return the score."""
        centre = (place.length - 1) * sigmoid(dot(p.v, tanh(p.weight_p @ query)))
        return dot(query, p.weight @ key) - (place.position - centre) ** 2 / (2 * self.width**2)
