"""The mLSTM of xLSTM: a matrix memory with exponential gates."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import Constant, by_gate
from ostinato.ops import dot, exp, maximum, minimum, outer, sigmoid, softplus, split


class MLSTM(Cell):
    """mLSTM: a matrix C of what was written at which key, a normalizer n, and a stabilizer m of the gates.

        q, k, v, o = split(W x + b, 4), with k / sqrt(H);  i = w_i x + b_i;  f = w_f x + b_f
        m' = max(log sigmoid(f) + m, i)
        C' = exp(log sigmoid(f) + m - m') C + exp(i - m') v k^T
        n' = exp(log sigmoid(f) + m - m') n + exp(i - m') k
        h  = sigmoid(o) * C' q / max(|n' q|, exp(-m'))

    The bias of f starts at 3, so that the memory lasts for some steps. x (input,), C (H, H), n and output
    (H,), m (1,); one head; block order q, k, v, o and gate order i, f. No gate reads the output, so C and n
    are linear in the state. exp(-m') is at most exp(60): its gradient stays finite where nothing was ever
    written. Source: Beck et al. 2024, "xLSTM: extended long short-term memory", eq. 19-27, with the sigmoid
    forget gate and the stabilizer of eq. 15-17.
    """

    name = "mlstm"

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (4H, in) and bias (4H,) of q, k, v, o; weights (2, in) and bias (2,) of the gates i, f."""
        return {
            "weight_ih": Param((4 * size.hidden, size.input), init=by_gate("xavier_uniform", 4)),
            "bias": Param((4 * size.hidden,), init="zeros"),
            "weight_gates": Param((2, size.input), init="xavier_uniform"),
            "bias_input": Param((1,), init="zeros"),
            "bias_forget": Param((1,), init=Constant(3.0)),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return C (H, H), n (H,) and m (1,)."""
        return {"C": State((size.hidden, size.hidden)), "n": State(size.hidden), "m": State(1)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return h as output, and the three states."""
        q, k, v, o = split(p.weight_ih @ x + p.bias, 4)
        k = k / k.shape[0] ** 0.5
        i, f = split(p.weight_gates @ x, 2)
        i, f = i + p.bias_input, f + p.bias_forget
        kept = state.m - softplus(-f)  # log sigmoid(f) = -softplus(-f)
        m = maximum(kept, i)
        forget, write = exp(kept - m), exp(i - m)
        c = forget * state.C + outer(write * v, k)
        n = forget * state.n + write * k
        h = sigmoid(o) * (c @ q) / maximum(abs(dot(n, q)), exp(minimum(-m, 60.0)))
        return h, {"C": c, "n": n, "m": m}
