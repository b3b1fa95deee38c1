"""The light GRU."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import relu, sigmoid, split


class LightGRU(Cell):
    """Light GRU: no reset gate, and a candidate that a ReLU keeps positive.

        z, a = split(W_ih x + W_hh h + b)
        h' = sigmoid(z) * h + (1 - sigmoid(z)) * relu(a)

    x (input,), h and output (hidden,); blocks in the order z, a. The source normalizes W_ih x over a batch,
    which a step of one row cannot; without it the state can grow, so clip gradients. Source: Ravanelli et
    al. 2018, "Light gated recurrent units for speech recognition", eq. 8-10, whose z this is.
    """

    name = "ligru"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (2H, in), (2H, H) and one bias (2H,)."""
        return {
            "weight_ih": Param((2 * size.hidden, size.input), init=by_gate("xavier_uniform", 2)),
            "weight_hh": Param((2 * size.hidden, size.hidden), init=by_gate("orthogonal", 2)),
            "bias": Param((2 * size.hidden,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return the output and the new state, both h'."""
        z, a = split(p.weight_ih @ x + p.weight_hh @ state.h + p.bias, 2)
        z = sigmoid(z)
        h = z * state.h + (1 - z) * relu(a)
        return h, {"h": h}
