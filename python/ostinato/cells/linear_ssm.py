"""The linear state space with dense matrices."""

from __future__ import annotations

from ostinato.cell import Cell, Param, State
from ostinato.dims import Dim
from ostinato.initializers import Orthogonal
from ostinato.namespace import Names
from ostinato.ops import Value

# Below 1, so that the state stays bounded under noise: 1 / (1 - 0.95^2) = 10 times the noise's variance.
_RADIUS = 0.95


class LinearSSM(Cell):
    """Linear state space with dense matrices: h' = A h + B x, y = C h' + D x.

    B x, C h' and D x are outside the time loop; A h is the only product in it (`diagonal_ssm` has none). A is
    `weight_hh` (H, H), B `weight_ih` (H, I), C `weight_ho` (H, H) and D `weight_io` (H, I); A starts
    orthogonal times 0.95. x (input,), h and output (hidden,). Source: Kalman 1960, eq. 14-15, in discrete
    time; the output reads the new state, as in Gu et al. 2022 (S4), eq. 3.
    """

    name = "linear_ssm"

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return A (H, H), B (H, I), C (H, H) and D (H, I)."""
        return {
            "weight_hh": Param((size.hidden, size.hidden), init=Orthogonal(gain=_RADIUS)),
            "weight_ih": Param((size.hidden, size.input), init="xavier_uniform"),
            "weight_ho": Param((size.hidden, size.hidden), init="xavier_uniform"),
            "weight_io": Param((size.hidden, size.input), init="xavier_uniform"),
        }

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return y as output, h' as state."""
        h = p.weight_ih @ x + p.weight_hh @ state.h
        return p.weight_io @ x + p.weight_ho @ h, {"h": h}
