"""The sLSTM of xLSTM: exponential gates."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import exp, maximum, sigmoid, softplus, split, tanh


class SLSTM(Cell):
    """sLSTM: an exponential input gate, a normalizer n, and a stabilizer m that keeps exp in range.

        i, f, z, o = split(W_ih x + W_hh h + b)
        m' = max(log sigmoid(f) + m, i)
        c' = exp(log sigmoid(f) + m - m') * c + exp(i - m') * tanh(z)
        n' = exp(log sigmoid(f) + m - m') * n + exp(i - m')
        h' = sigmoid(o) * c' / max(n', floor)

    The forget block of b starts at 1. x (input,), h, c, n, m and output (hidden,); gate order i, f, z, o. One
    head: W_hh is dense. One of the two exps of a step is 1, so n' is 0 only where it was 0 and nothing is
    written; the floor, 1e-30, makes h' 0 there. Source: Beck et al. 2024, "xLSTM: extended long short-term
    memory", eq. 8-17, with the sigmoid forget gate.
    """

    name = "slstm"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (4H, in), (4H, H) and one bias (4H,)."""
        return {
            "weight_ih": Param((4 * size.hidden, size.input), init=by_gate("xavier_uniform", 4)),
            "weight_hh": Param((4 * size.hidden, size.hidden), init=by_gate("orthogonal", 4)),
            "bias": Param((4 * size.hidden,), init=by_gate(["zeros", "ones", "zeros", "zeros"])),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return h, c, n and m, (H,) each."""
        return {name: State(size.hidden) for name in ("h", "c", "n", "m")}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return h' as output, and the four states."""
        i, f, z, o = split(p.weight_ih @ x + p.weight_hh @ state.h + p.bias, 4)
        kept = state.m - softplus(-f)  # log sigmoid(f) = -softplus(-f)
        m = maximum(kept, i)
        forget, write = exp(kept - m), exp(i - m)
        c = forget * state.c + write * tanh(z)
        n = forget * state.n + write
        h = sigmoid(o) * c / maximum(n, 1e-30)
        return h, {"h": h, "c": c, "n": n, "m": m}
