"""DropConnect on recurrent weights."""

from __future__ import annotations

from fnmatch import fnmatchcase

from ostinato.checks import number
from ostinato.errors import ConfigError, shown
from ostinato.ops import Value
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class WeightDrop(Regularizer):
    """Weights are 0 with probability p, with one mask per call for all rows and steps.

    `weights` is a pattern of the cell's own names ("weight_hh", "weight_*"); None means the matrices that
    multiply a state. The mask has no cost per step. Source: Merity et al. 2018, section 2.
    """

    name = "weight_drop"

    examples = ({}, {"p": 0.4, "weights": "*"})

    def __init__(self, p: float = 0.5, weights: str | None = None) -> None:
        """Drop with probability p, 0 <= p < 1."""
        self.p = number("regularizer 'weight_drop'", "p", p, at_least=0.0, below=1.0)
        if weights is not None and not isinstance(weights, str):
            raise ConfigError(
                f"regularizer 'weight_drop': weights is {shown(weights)}; expected a pattern or None"
            )
        self.weights = weights

    def weight(self, name: str, weight: Value, noise: Noise) -> Value:
        """Return W * mask of the call for the selected matrices."""
        chosen = [one for one in noise.matrices if self._means(one, noise)]
        if not chosen:
            meant = (
                "a state is multiplied with no matrix"
                if self.weights is None
                else f"none is {self.weights!r}"
            )
            raise ConfigError(f"{shown(self)}: {meant}; the matrices are {', '.join(noise.matrices)}")
        return noise.drop(weight, self.p, per="weights") if name in chosen else weight

    def _means(self, name: str, noise: Noise) -> bool:
        return name in noise.recurrent if self.weights is None else fnmatchcase(name, self.weights)
