"""DeltaNet: a matrix memory that is corrected by the delta rule."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import outer, sigmoid, silu, split, sqrt, square
from ostinato.ops import sum as total


class DeltaNet(Cell):
    """DeltaNet: what the memory C returns for the key k moves towards the value v.

        q, k, v = split(W x, 3);  q, k = silu(q) / |silu(q)|, silu(k) / |silu(k)|;  v = silu(v)
        b  = sigmoid(w_b x + b_b)
        C' = C - b (C k - v) k^T
        h  = C' q

    x (input,), C (H, H), h the output (H,); one head; block order q, k, v. The short convolutions before the
    step, and the norm and projection after it, are layers of the network. Source: Yang et al. 2024,
    "Parallelizing linear transformers with the delta rule over sequence length", eq. 1-3 of section 2.2, and
    section 3.3 for the keys; the rule is that of Schlag et al. 2021, eq. 23-24.
    """

    name = "delta_net"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (3H, in) of q, k, v; weight (1, in) and bias (1,) of b."""
        return {
            "weight_ih": Param((3 * size.hidden, size.input), init=by_gate("xavier_uniform", 3)),
            "weight_rate": Param((1, size.input), init="xavier_uniform"),
            "bias_rate": Param((1,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return C (H, H)."""
        return {"C": State((size.hidden, size.hidden))}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return h as output, and C'."""
        q, k, v = split(silu(p.weight_ih @ x), 3)
        q, k = (one / sqrt(total(square(one), keepdims=True) + 1e-6) for one in (q, k))
        rate = sigmoid(p.weight_rate @ x + p.bias_rate)
        c = state.C - outer(rate * (state.C @ k - v), k)
        return c @ q, {"C": c}
