"""The simple recurrent unit."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import sigmoid, split


class SRU(Cell):
    """Simple recurrent unit: every matrix multiplies the input, the loop is elementwise.

        u, f, r = split(W x + [0, b], 3)
        f = sigmoid(f + v_f * c)
        r = sigmoid(r + v_r * c)
        c' = f * c + (1 - f) * u
        h' = r * c' + (1 - r) * x

    If the widths of x and of the state differ, x has its own block of W: u, f, r, x = split(W x + ...).
    x (input,), c and output (hidden,). Source: Lei et al. 2018, "Simple recurrent units for highly
    parallelizable recurrence", eq. 1-4, without the scaling of its section 3.2.
    """

    name = "sru"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (3H or 4H, in), biases (2H,) of f and r, and (H,) for each of them on the state."""
        blocks = 3 if size.input == size.hidden else 4
        return {
            "weight_ih": Param((blocks * size.hidden, size.input), init=by_gate("xavier_uniform", blocks)),
            "weight_fc": Param((size.hidden,), init="zeros"),
            "weight_rc": Param((size.hidden,), init="zeros"),
            "bias": Param((2 * size.hidden,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return c (H,)."""
        return {"c": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return the highway output, and c' as state."""
        blocks = p.weight_ih.shape[0] // state.c.shape[0]
        u, f, r, *rest = split(p.weight_ih @ x, blocks)
        skip = rest[0] if rest else x
        b_f, b_r = split(p.bias, 2)
        f = sigmoid(f + p.weight_fc * state.c + b_f)
        r = sigmoid(r + p.weight_rc * state.c + b_r)
        c = f * state.c + (1 - f) * u
        return r * c + (1 - r) * skip, {"c": c}
