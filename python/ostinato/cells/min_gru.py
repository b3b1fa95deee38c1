"""The minimal gated recurrent unit: gates that do not depend on the state."""

from __future__ import annotations

from ostinato.cell import Cell, Param, State
from ostinato.checks import flag
from ostinato.dims import Dim
from ostinato.initializers import by_gate
from ostinato.namespace import Names
from ostinato.ops import Value, sigmoid, split

_GATES = 2  # z, n


class MinGRU(Cell):
    """Minimal gated recurrent unit: a GRU without reset gate; the update gate z depends on the input only.

        z, n = split(W_ih x + b_ih)
        h' = (1 - sigmoid(z)) * h + sigmoid(z) * n

    Linear in h with coefficients that do not depend on it, so nothing is multiplied by a matrix inside the
    loop. The orientation of z is the paper's (1 selects the candidate), opposite to the one of `gru`.
    `bias=False` omits b_ih. x (input,), h and output (hidden,). Source: Feng et al. 2024, "Were RNNs all we
    needed?", section 3.1.
    """

    name = "min_gru"

    examples = ({}, {"bias": False})

    def __init__(self, *, bias: bool = True) -> None:
        """Choose whether there is a bias."""
        self.bias = flag("cell 'min_gru'", "bias", bias)

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return weight_ih (2H, I) and bias_ih (2H,), gate z first, then the candidate."""
        params = {
            "weight_ih": Param((_GATES * size.hidden, size.input), init=by_gate("xavier_uniform", _GATES))
        }
        if self.bias:
            params["bias_ih"] = Param((_GATES * size.hidden,), init="zeros")
        return params

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return h' as output and state."""
        a = p.weight_ih @ x + p.bias_ih if self.bias else p.weight_ih @ x
        z, n = split(a, _GATES)
        z = sigmoid(z)
        h = (1 - z) * state.h + z * n
        return h, {"h": h}
