"""Zoneout: units that keep their state."""

from __future__ import annotations

from collections.abc import Mapping

from ostinato.checks import number
from ostinato.errors import ConfigError, shown
from ostinato.ops import Value
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class Zoneout(Regularizer):
    """Elements of a state keep their old value with probability p, drawn for each row and step.

    p is one number for all states, or a mapping of states to numbers ({"h": 0.05, "c": 0.5}); states that are
    not in the mapping do not change. Inference uses the expectation, p * old + (1 - p) * new. An output that
    equals the new state changes too. Source: Krueger et al. 2017, eq. 4.
    """

    examples = ({}, {"p": {"h": 0.05, "c": 0.5}})

    def __init__(self, p: float | Mapping[str, float] = 0.1) -> None:
        """Keep with probability p, 0 <= p <= 1."""
        rates = dict(p) if isinstance(p, Mapping) else {"p": p}
        for name, rate in rates.items():
            if number("regularizer 'zoneout'", f"p[{name!r}]", rate, at_least=0.0) > 1.0:
                raise ConfigError(f"regularizer 'zoneout': {name} is {shown(rate)}; expected at most 1")
        self.p = rates if isinstance(p, Mapping) else float(p)

    def update(self, name: str, new: Value, old: Value, noise: Noise) -> Value:
        """Return where(mask, old, new)."""
        if isinstance(self.p, float):
            return noise.mix(self.p, old, new)
        for one in self.p:
            if one not in noise.states:
                raise ConfigError(
                    f"{shown(self)}: there is no state {shown(one)}; expected {', '.join(noise.states)}"
                )
        return noise.mix(self.p.get(name, 0.0), old, new)
