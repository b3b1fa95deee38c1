"""The LSTM with layer normalization."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, Param, State
from ostinato.initializers import by_gate
from ostinato.ops import layer_norm, sigmoid, split, tanh


class LayerNormLSTM(Cell):
    """LSTM whose sums, and whose cell state on its way out, are normalized over their features.

        i, f, g, o = split(LN(W_ih x; norm_ih) + LN(W_hh h; norm_hh) + b)
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(LN(c'; norm_c))

    where LN(v; gain, shift) = gain * (v - mean(v)) / sqrt(var(v) + eps) + shift, over all 4H features of a
    sum together. The forget block of b starts at 1. x (input,), h, c and output (hidden,). eps: added to the
    variance, above 0. Source: Ba et al. 2016, "Layer normalization", supplementary eq. 20-22; gate order i,
    f, g, o.
    """

    name = "layer_norm_lstm"

    def __init__(self, *, eps: float = 1e-5) -> None:
        self.eps = eps

    def parameters(self, size: Any) -> dict[str, Param]:
        """Weights (4H, in), (4H, H), bias (4H,); gains and shifts of the three norms."""
        gates = 4 * size.hidden
        return {
            "weight_ih": Param((gates, size.input), init=by_gate("xavier_uniform", 4)),
            "weight_hh": Param((gates, size.hidden), init=by_gate("orthogonal", 4)),
            "bias": Param((gates,), init=by_gate(["zeros", "ones", "zeros", "zeros"])),
            "norm_ih_gain": Param((gates,), init="ones"),
            "norm_ih_shift": Param((gates,), init="zeros"),
            "norm_hh_gain": Param((gates,), init="ones"),
            "norm_hh_shift": Param((gates,), init="zeros"),
            "norm_c_gain": Param((size.hidden,), init="ones"),
            "norm_c_shift": Param((size.hidden,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        """Return h and c, (H,) each."""
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return h' as output, h' and c' as states."""
        from_x = layer_norm(p.weight_ih @ x, p.norm_ih_gain, p.norm_ih_shift, eps=self.eps)
        from_h = layer_norm(p.weight_hh @ state.h, p.norm_hh_gain, p.norm_hh_shift, eps=self.eps)
        i, f, g, o = split(from_x + from_h + p.bias, 4)
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(layer_norm(c, p.norm_c_gain, p.norm_c_shift, eps=self.eps))
        return h, {"h": h, "c": c}
