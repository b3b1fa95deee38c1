"""The LSTM whose gates read the cell state."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import concat, sigmoid, split, tanh


class PeepholeLSTM(Cell):
    """LSTM with full peepholes: a matrix, not a diagonal, lets every gate read the whole cell state.

        i, f, g, o = split(W_ih x + W_hh h + b)
        i, f = split(sigmoid([i, f] + P c), 2)
        c' = f * c + i * tanh(g)
        h' = sigmoid(o + P_o c') * tanh(c')

    Diagonal peepholes are an option of the built-in LSTM: `Recurrent("lstm", ..., peepholes=True)`.
    The forget block of b starts at 1. x (input,), h, c and output (hidden,); gate order i, f, g, o. Source:
    Graves 2013, "Generating sequences with recurrent neural networks", eq. 7-11, where W_ci, W_cf, W_co are
    diagonal; full ones are Gers and Schmidhuber 2000, "Recurrent nets that time and count", section 3.
    """

    name = "peephole_lstm"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (4H, in), (4H, H) and one bias (4H,); peepholes (2H, H) of i and f, (H, H) of o."""
        return {
            "weight_ih": Param((4 * size.hidden, size.input), init=by_gate("xavier_uniform", 4)),
            "weight_hh": Param((4 * size.hidden, size.hidden), init=by_gate("orthogonal", 4)),
            "weight_ch": Param((2 * size.hidden, size.hidden), init=by_gate("xavier_uniform", 2)),
            "weight_co": Param((size.hidden, size.hidden), init="xavier_uniform"),
            "bias": Param((4 * size.hidden,), init=by_gate(["zeros", "ones", "zeros", "zeros"])),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return h and c, (H,) each."""
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return h' as output, h' and c' as states."""
        i, f, g, o = split(p.weight_ih @ x + p.weight_hh @ state.h + p.bias, 4)
        i, f = split(sigmoid(concat([i, f]) + p.weight_ch @ state.c), 2)
        c = f * state.c + i * tanh(g)
        h = sigmoid(o + p.weight_co @ c) * tanh(c)
        return h, {"h": h, "c": c}
