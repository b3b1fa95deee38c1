"""The minimal gated unit."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import sigmoid, split, tanh


class MinimalGatedUnit(Cell):
    """Minimal gated unit: one gate f both forgets the state and resets it for the candidate.

        f = sigmoid(W_f x + U_f h + b_f)
        h' = (1 - f) * h + f * tanh(W_n x + U_n (f * h) + b_n)

    x (input,), h and output (hidden,); blocks in the order f, n. Source: Zhou et al. 2016, "Minimal gated
    unit for recurrent neural networks", table 1.
    """

    name = "mgu"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (2H, in) and bias (2H,) of both blocks; (H, H) for f and for n on the state."""
        return {
            "weight_ih": Param((2 * size.hidden, size.input), init=by_gate("xavier_uniform", 2)),
            "weight_fh": Param((size.hidden, size.hidden), init="orthogonal"),
            "weight_nh": Param((size.hidden, size.hidden), init="orthogonal"),
            "bias": Param((2 * size.hidden,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return the output and the new state, both h'."""
        f, n = split(p.weight_ih @ x + p.bias, 2)
        f = sigmoid(f + p.weight_fh @ state.h)
        n = tanh(n + p.weight_nh @ (f * state.h))
        h = (1 - f) * state.h + f * n
        return h, {"h": h}
