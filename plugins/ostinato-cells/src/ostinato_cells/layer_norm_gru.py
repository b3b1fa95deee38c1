"""The GRU with layer normalization."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import layer_norm, sigmoid, split, tanh


class LayerNormGRU(Cell):
    """GRU whose sums are normalized over the features of each block: gates r and z together, n by itself.

        a, u = W_ih x, W_hh h
        r, z = sigmoid(LN(a_rz; norm_ih) + LN(u_rz; norm_hh) + b_rz)
        n = tanh(LN(a_n; norm_ih) + r * LN(u_n; norm_hh) + b_n)
        h' = (1 - z) * n + z * h

    where LN(v; gain) = gain * (v - mean(v)) / sqrt(var(v) + eps); the shifts of the source are in b. x
    (input,), h and output (hidden,). eps: added to the variance, above 0. Source: Ba et al. 2016, "Layer
    normalization", supplementary material, with z and 1 - z exchanged; gate order r, z, n.
    """

    name = "layer_norm_gru"

    def __init__(self, *, eps: float = 1e-5) -> None:
        self.eps = eps

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (3H, in), (3H, H), bias (3H,); gains (3H,) of the norms."""
        gates = 3 * size.hidden
        return {
            "weight_ih": Param((gates, size.input), init=by_gate("xavier_uniform", 3)),
            "weight_hh": Param((gates, size.hidden), init=by_gate("orthogonal", 3)),
            "bias": Param((gates,), init="zeros"),
            "norm_ih_gain": Param((gates,), init="ones"),
            "norm_hh_gain": Param((gates,), init="ones"),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return the output and the new state, both h'."""
        last = 2 * state.h.shape[0]  # where n's block begins

        def normalized(v: Any, gain: Any) -> tuple[Any, Any]:
            gates, candidate = v[:last], v[last:]
            return (
                layer_norm(gates, eps=self.eps) * gain[:last],
                layer_norm(candidate, eps=self.eps) * gain[last:],
            )

        a, a_n = normalized(p.weight_ih @ x, p.norm_ih_gain)
        u, u_n = normalized(p.weight_hh @ state.h, p.norm_hh_gain)
        r, z = split(sigmoid(a + u + p.bias[:last]), 2)
        n = tanh(a_n + r * u_n + p.bias[last:])
        h = (1 - z) * n + z * state.h
        return h, {"h": h}
