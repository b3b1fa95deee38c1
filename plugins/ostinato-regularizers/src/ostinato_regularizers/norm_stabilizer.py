"""A penalty on states whose length changes."""

from __future__ import annotations

from typing import Any

from ostinato import ConfigError, Regularizer
from ostinato.ops import sqrt, square, sum
from ostinato_regularizers.positive import positive

# Below it a length counts as 0: the slope of a root at 0 has no bound.
FLOOR = 1e-12


class NormStabilizer(Regularizer):
    """Each step adds `beta * (|h_t| - |h_{t-1}|)^2` to the loss of training, with Euclidean lengths.

    beta: at least 0. state: names h. Raises ConfigError for another beta, and for a cell without that state.
    Source: Krueger and Memisevic 2016, "Regularizing RNNs by stabilizing activations", eq. 2.
    """

    name = "norm_stabilizer"

    def __init__(self, beta: float = 1.0, state: str = "h") -> None:
        self.beta, self.state = positive("norm_stabilizer", "beta", beta), state

    def step_penalty(self, y: Any, new: Any, old: Any, noise: Any) -> Any:
        """Return the penalty of one step."""
        if self.state not in noise.states:
            raise ConfigError(
                f"{self!r}: there is no state {self.state!r}; expected {', '.join(noise.states) or 'none'}"
            )
        if not self.beta:
            return None

        def length(h: Any) -> Any:
            squares = sum(square(h))
            return sqrt((sum(squares) if squares.ndim else squares) + FLOOR)

        return self.beta * square(length(new[self.state]) - length(old[self.state]))
