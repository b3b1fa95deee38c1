"""The multiplicative LSTM."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import sigmoid, split, tanh


class MultiplicativeLSTM(Cell):
    """LSTM whose recurrent matrix depends on the input: h goes through m = (W_mx x) * (W_mh h).

        m = (W_mx x) * (W_mh h)
        i, f, g, o = split(W_ih x + W_mm m + b)
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    The forget block of b starts at 1. x (input,), h, c and output (hidden,); gate order i, f, g, o. Source:
    Krause et al. 2016, "Multiplicative LSTM for sequence modelling", eq. 18-22, whose cell output is
    tanh(c' * o): here the LSTM's o * tanh(c').
    """

    name = "multiplicative_lstm"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (H, in) and (H, H) of m; (4H, in), (4H, H) and one bias (4H,) of the gates."""
        return {
            "weight_mx": Param((size.hidden, size.input), init="xavier_uniform"),
            "weight_mh": Param((size.hidden, size.hidden), init="orthogonal"),
            "weight_ih": Param((4 * size.hidden, size.input), init=by_gate("xavier_uniform", 4)),
            "weight_mm": Param((4 * size.hidden, size.hidden), init=by_gate("orthogonal", 4)),
            "bias": Param((4 * size.hidden,), init=by_gate(["zeros", "ones", "zeros", "zeros"])),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return h and c, (H,) each."""
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return h' as output, h' and c' as states."""
        m = (p.weight_mx @ x) * (p.weight_mh @ state.h)
        i, f, g, o = split(p.weight_ih @ x + p.weight_mm @ m + p.bias, 4)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return h, {"h": h, "c": c}
