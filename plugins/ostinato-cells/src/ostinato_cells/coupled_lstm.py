"""The LSTM with coupled input and forget gates."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import sigmoid, split, tanh


class CoupledLSTM(Cell):
    """LSTM whose input gate is 1 - f: it writes as much as it forgets.

        f, g, o = split(W_ih x + W_hh h + b)
        c' = sigmoid(f) * c + (1 - sigmoid(f)) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    The forget block of b starts at 1. x (input,), h, c and output (hidden,); gate order f, g, o. No
    peepholes. Source: Greff et al. 2017, "LSTM: a search space odyssey", variant CIFG.
    """

    name = "coupled_lstm"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (3H, in), (3H, H) and one bias (3H,)."""
        return {
            "weight_ih": Param((3 * size.hidden, size.input), init=by_gate("xavier_uniform", 3)),
            "weight_hh": Param((3 * size.hidden, size.hidden), init=by_gate("orthogonal", 3)),
            "bias": Param((3 * size.hidden,), init=by_gate(["ones", "zeros", "zeros"])),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return h and c, (H,) each."""
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return h' as output, h' and c' as states."""
        f, g, o = split(p.weight_ih @ x + p.weight_hh @ state.h + p.bias, 3)
        f = sigmoid(f)
        c = f * state.c + (1 - f) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return h, {"h": h, "c": c}
