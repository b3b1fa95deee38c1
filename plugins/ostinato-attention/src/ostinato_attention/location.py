"""The location-aware scorer."""

from __future__ import annotations

from typing import Any

from ostinato import ConfigError, Param, Scorer
from ostinato.ops import dot, tanh


class Location(Scorer):
    """v . tanh(W_q query + W_k key + W_f (F past) + b): it depends on the weights of the query before.

    past: the number of keys on either side of a key whose last weights it reads, at least 1. filters: rows of
    F, a convolution along the keys. units: width of the hidden layer; by default that of the key. Raises
    ConfigError for other numbers. Source: Chorowski et al. 2015, "Attention-based models for speech
    recognition", eq. 8-9, with U, V, W there W_f, W_k, W_q here.
    """

    name = "location"

    examples = ({}, {"past": 1, "filters": 2, "units": 3})

    def __init__(self, past: int = 3, filters: int = 4, units: int | None = None) -> None:
        for what, value in (("past", past), ("filters", filters), ("units", units)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigError(f"scorer 'location': {what} is {value!r}; expected at least 1")
        self.past, self.filters, self.units = past, filters, units

    def sizes(self, size: Any) -> dict[str, int]:
        """Width of the hidden layer, filters, and the weights that a filter sees."""
        return {"units": self.units or int(size.key), "filters": self.filters, "seen": 2 * self.past + 1}

    def parameters(self, size: Any) -> dict[str, Param]:
        """Matrices (U, Q), (U, K), (U, filters), the filters (filters, 2 past + 1), b and v (U,)."""
        return {
            "weight_q": Param((size.units, size.query)),
            "weight_k": Param((size.units, size.key)),
            "weight_f": Param((size.units, size.filters)),
            "filter": Param((size.filters, size.seen)),
            "bias": Param((size.units,), init="zeros"),
            "v": Param((size.units,), init="uniform"),
        }

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        """Return the score."""
        seen = p.weight_f @ (p.filter @ place.past)
        return dot(p.v, tanh(p.weight_q @ query + p.weight_k @ key + seen + p.bias))
