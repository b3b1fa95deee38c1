"""A penalty on states that change fast."""

from __future__ import annotations

from ostinato.checks import number, text
from ostinato.errors import ConfigError, shown
from ostinato.namespace import Names
from ostinato.ops import Value, mean, square
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class TemporalActivationPenalty(Regularizer):
    """TAR: each step adds `beta * mean((h_t - h_{t-1})^2)` to the training loss.

    `state` is the name of h. At the first step, h_{t-1} is the initial state, so a window of a stream
    includes the change from the window before it. Dropout of the output does not change h. The mean is over
    the features. Source: Merity et al. 2017, "Revisiting activation regularization for language RNNs",
    section 3.
    """

    name = "temporal_activation_penalty"

    def __init__(self, beta: float = 1.0, state: str = "h") -> None:
        """Add `beta` times the mean square of the change of `state`, beta >= 0."""
        self.beta = number("regularizer 'temporal_activation_penalty'", "beta", beta, at_least=0.0)
        self.state = text("regularizer 'temporal_activation_penalty'", "state", state)

    def step_penalty(self, y: Value, new: Names[Value], old: Names[Value], noise: Noise) -> Value | None:
        """Return beta * mean((new - old)^2)."""
        if self.state not in noise.states:
            raise ConfigError(
                f"{shown(self)}: there is no state {shown(self.state)}; expected "
                f"{', '.join(noise.states) or 'none'}"
            )
        if not self.beta:
            return None
        average = mean(square(new[self.state] - old[self.state]))
        # a state that is a matrix has one mean per row
        return self.beta * (mean(average) if average.ndim else average)
