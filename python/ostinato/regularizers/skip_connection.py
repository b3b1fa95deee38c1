"""The skip connection through time."""

from __future__ import annotations

from ostinato.checks import number, text
from ostinato.errors import ConfigError, shown
from ostinato.ops import Value
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class SkipConnection(Regularizer):
    """`h' = f(...) + alpha * h`: the old state is added to the new one, in training and in inference.

    `state` is the name of the state; other states do not change. An output that equals the new state changes
    too. With alpha = 1 this is the residual connection of He et al. 2016, through time.
    """

    name = "skip_connection"

    examples = ({}, {"alpha": 0.25, "state": "c"})

    def __init__(self, alpha: float = 1.0, state: str = "h") -> None:
        """Add `alpha` times the old value of `state`."""
        self.alpha = number("regularizer 'skip_connection'", "alpha", alpha)
        self.state = text("regularizer 'skip_connection'", "state", state)

    def update(self, name: str, new: Value, old: Value, noise: Noise) -> Value:
        """Return new + alpha * old for the selected state."""
        if self.state not in noise.states:
            raise ConfigError(
                f"{shown(self)}: there is no state {shown(self.state)}; expected {', '.join(noise.states)}"
            )
        return new + self.alpha * old if name == self.state and self.alpha != 0.0 else new
