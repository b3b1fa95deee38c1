"""The gated recurrent unit, in its two forms."""

from __future__ import annotations

from ostinato.cell import Cell, Param, State
from ostinato.cells.gates import GRU_GATES
from ostinato.checks import choice, flag
from ostinato.dims import Dim
from ostinato.initializers import by_gate
from ostinato.namespace import Names
from ostinato.ops import Value, sigmoid, split, tanh


class GRU(Cell):
    """Gated recurrent unit: reset gate r, update gate z (1 keeps the old state), candidate n.

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))    reset="after" (PyTorch, Keras)
        n = tanh(W_in x + b_in + W_hn (r * h) + b_hn)    reset="before" (Cho et al. 2014)
        h' = (1 - z) * n + z * h

    Some texts write h' = (1 - z) * h + z * n; their z is 1 - z here. Both biases exist in both forms, so that
    a state dict has one layout; `bias=False` omits them. x (input,), h and output (hidden,). Source: Cho et
    al. 2014 eq. 5-8 ("before"); torch.nn.GRU for "after", parameter names and layout.
    """

    examples = ({}, {"bias": False}, {"reset": "before"}, {"reset": "before", "bias": False})

    def __init__(self, *, reset: str = "after", bias: bool = True) -> None:
        """Choose whether r is applied after or before the product with h, and whether there are biases."""
        self.reset = choice("cell 'gru'", "reset", reset, ("after", "before"))
        self.bias = flag("cell 'gru'", "bias", bias)

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return weight_ih (3H, I), weight_hh (3H, H), bias_ih and bias_hh (3H,), in gate order r, z, n."""
        gates = len(GRU_GATES)
        params = {
            "weight_ih": Param((gates * size.hidden, size.input), init=by_gate("xavier_uniform", gates)),
            "weight_hh": Param((gates * size.hidden, size.hidden), init=by_gate("orthogonal", gates)),
        }
        if self.bias:
            params["bias_ih"] = Param((gates * size.hidden,), init="zeros")
            params["bias_hh"] = Param((gates * size.hidden,), init="zeros")
        return params

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return h' as output and state."""
        a = p.weight_ih @ x + p.bias_ih if self.bias else p.weight_ih @ x
        if self.reset == "after":
            u = p.weight_hh @ state.h + p.bias_hh if self.bias else p.weight_hh @ state.h
            a_r, a_z, a_n = split(a, len(GRU_GATES))
            u_r, u_z, u_n = split(u, len(GRU_GATES))
            r = sigmoid(a_r + u_r)
            z = sigmoid(a_z + u_z)
            n = tanh(a_n + r * u_n)
        else:
            hidden = state.h.shape[0]
            a = a + p.bias_hh if self.bias else a
            a_r, a_z, a_n = split(a, len(GRU_GATES))
            w_rz, w_n = split(p.weight_hh, [2 * hidden, hidden])
            u_r, u_z = split(w_rz @ state.h, 2)
            r = sigmoid(a_r + u_r)
            z = sigmoid(a_z + u_z)
            n = tanh(a_n + w_n @ (r * state.h))
        h = (1 - z) * n + z * state.h
        return h, {"h": h}
