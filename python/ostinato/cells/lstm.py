"""The long short-term memory cell, with its variants."""

from __future__ import annotations

from ostinato.cell import Cell, Param, State
from ostinato.cells.gates import LSTM_GATES
from ostinato.checks import flag, whole
from ostinato.dims import Dim
from ostinato.errors import ConfigError
from ostinato.initializers import by_gate
from ostinato.namespace import Names
from ostinato.ops import Value, sigmoid, split, tanh

# The initial forget gate keeps sigmoid(1) = 0.73 of c. Source: Jozefowicz et al. 2015, section 2.2.
_FORGET_BIAS = by_gate(["ones" if gate == "f" else "zeros" for gate in LSTM_GATES])


class LSTM(Cell):
    """Long short-term memory: gates i, f, o and candidate g around an additive cell state c.

        i, f, g, o = split(W_ih x + b_ih + W_hh h + b_hh)
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    `peepholes=True` adds w_i * c to i, w_f * c to f, and w_o * c' to o; they start at zero. With
    `proj_size=P` above 0, h' = W_hr (sigmoid(o) * tanh(c')) has P units, fewer than c. The forget block of
    b_ih starts at 1 and all other biases at 0; with `bias=False` there is no forget bias either. x (input,),
    c (hidden,), h and output (hidden,) or (P,). Source: Gers et al. 2000 eq. 1-6; peepholes: Gers et al. 2002
    eq. 2-6; projection: Sak et al. 2014 eq. 1-6; parameter names and layout of torch.nn.LSTM.
    """

    examples = (
        {},
        {"bias": False},
        {"peepholes": True},
        {"proj_size": 2},
        {"proj_size": 2, "peepholes": True, "bias": False},
    )

    def __init__(self, *, bias: bool = True, peepholes: bool = False, proj_size: int = 0) -> None:
        """Choose the biases, the peepholes and the width of the projection (0 for none)."""
        self.bias = flag("cell 'lstm'", "bias", bias)
        self.peepholes = flag("cell 'lstm'", "peepholes", peepholes)
        self.proj_size = whole("cell 'lstm'", "proj_size", proj_size, at_least=0)

    def sizes(self, size: Names[Dim]) -> dict[str, int]:
        """Return the width of the projection; raise ConfigError unless it is below the hidden size."""
        if self.proj_size >= size.hidden:
            raise ConfigError(
                f"cell 'lstm': proj_size is {self.proj_size}; expected less than hidden_size {size.hidden}"
            )
        return {"proj": self.proj_size} if self.proj_size else {}

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return weights (4H, in) and biases (4H,) in gate order i, f, g, o; then those of the variants."""
        gates = len(LSTM_GATES)
        out = size.proj if self.proj_size else size.hidden
        params = {
            "weight_ih": Param((gates * size.hidden, size.input), init=by_gate("xavier_uniform", gates)),
            "weight_hh": Param((gates * size.hidden, out), init=by_gate("orthogonal", gates)),
        }
        if self.bias:
            params["bias_ih"] = Param((gates * size.hidden,), init=_FORGET_BIAS)
            params["bias_hh"] = Param((gates * size.hidden,), init="zeros")
        if self.proj_size:
            params["weight_hr"] = Param((size.proj, size.hidden), init="xavier_uniform")
        if self.peepholes:
            for gate in ("i", "f", "o"):
                params[f"peephole_{gate}"] = Param((size.hidden,), init="zeros")
        return params

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return h (H,) or (P,), and c (H,)."""
        return {"h": State(size.proj if self.proj_size else size.hidden), "c": State(size.hidden)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return h' as output, h' and c' as states."""
        a = p.weight_ih @ x + p.weight_hh @ state.h
        if self.bias:
            a = a + p.bias_ih + p.bias_hh
        i, f, g, o = split(a, len(LSTM_GATES))
        if self.peepholes:
            i = i + p.peephole_i * state.c
            f = f + p.peephole_f * state.c
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        if self.peepholes:
            o = o + p.peephole_o * c
        h = sigmoid(o) * tanh(c)
        if self.proj_size:
            h = p.weight_hr @ h
        return h, {"h": h, "c": c}
