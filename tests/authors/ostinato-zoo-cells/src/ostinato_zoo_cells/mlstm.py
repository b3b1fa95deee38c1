"""The mLSTM of xLSTM: a matrix as memory."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.ops import abs, dot, exp, maximum, outer, sigmoid, softplus, split


class MLSTM(Cell):
    """C' = f C + i v k^T, n' = f n + i k, h = sigmoid(o) C' q / max(|n' . q|, 1), with a stabilizer m.

    Source: Beck et al. 2024, "xLSTM: extended long short-term memory", eq. 19-27.
    """

    name = "mlstm"

    def parameters(self, size: Any) -> dict[str, Param]:
        return {
            "W": Param((4 * size.hidden, size.input)),
            "b": Param((4 * size.hidden,), init="zeros"),
            "W_gates": Param((2, size.input)),
            "b_gates": Param((2,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"C": State((size.hidden, size.hidden)), "n": State(size.hidden), "m": State(1)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        q, k, v, o = split(p.W @ x + p.b, 4)
        k = k * len(k) ** -0.5
        i, f = split(p.W_gates @ x + p.b_gates, 2)
        kept = state.m - softplus(-f)
        m = maximum(kept, i)
        forget, write = exp(kept - m), exp(i - m)
        C = forget * state.C + write * outer(v, k)
        n = forget * state.n + write * k
        h = sigmoid(o) * (C @ q) / maximum(abs(dot(n, q)), exp(-maximum(m, -30.0)))
        return h, {"C": C, "n": n, "m": m}
