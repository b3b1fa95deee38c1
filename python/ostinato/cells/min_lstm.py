"""The minimal long short-term memory cell: gates that do not depend on the state."""

from __future__ import annotations

from ostinato.cell import Cell, Param, State
from ostinato.checks import flag
from ostinato.dims import Dim
from ostinato.initializers import by_gate
from ostinato.namespace import Names
from ostinato.ops import Value, sigmoid, softplus, split

_GATES = 3  # f, i, n


class MinLSTM(Cell):
    """Minimal long short-term memory: normalized gates f (forget) and i depend on the input only.

        f, i, n = split(W_ih x + b_ih)
        k = sigmoid(f) / (sigmoid(f) + sigmoid(i))
        h' = k * h + (1 - k) * n

    Linear in h with coefficients that do not depend on it, so nothing is multiplied by a matrix inside the
    loop. `bias=False` omits b_ih. x (input,), h and output (hidden,). Source: Feng et al. 2024, "Were
    RNNs all we needed?", section 3.2; k by logarithms, as in its appendix, where both gates may be 0.
    """

    name = "min_lstm"

    examples = ({}, {"bias": False})

    def __init__(self, *, bias: bool = True) -> None:
        """Choose whether there is a bias."""
        self.bias = flag("cell 'min_lstm'", "bias", bias)

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return weight_ih (3H, I) and bias_ih (3H,), in the order f, i, candidate."""
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
        f, i, n = split(a, _GATES)
        # log sigmoid(x) = -softplus(-x): the quotient is finite even if both gates underflow
        k = sigmoid(softplus(-i) - softplus(-f))
        h = k * state.h + (1 - k) * n
        return h, {"h": h}
