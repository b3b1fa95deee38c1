"""Layer normalization of pre-activations."""

from __future__ import annotations

from ostinato.checks import number
from ostinato.ops import Value, layer_norm
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class LayerNorm(Regularizer):
    """`gain * (a - mean) / sqrt(variance + eps)` for each product `a = W @ v` of the step, before its bias.

    W x and W h are normalized separately, all gates of one product together. Training and inference use the
    same equation. The gain is a fixed number, because a regularizer cannot add parameters; for learned gains,
    write a cell. The biases of the cell are the shift. Source: Ba et al. 2016, eq. 20-21, without the norm of
    c.
    """

    name = "layer_norm"

    def __init__(self, gain: float = 1.0, eps: float = 1e-5) -> None:
        """Scale to a standard deviation of `gain`; `eps` > 0 keeps products of zeros finite."""
        self.gain = number("regularizer 'layer_norm'", "gain", gain)
        self.eps = number("regularizer 'layer_norm'", "eps", eps, above=0.0)

    def product(self, y: Value, noise: Noise) -> Value:
        """Return the normalized product."""
        normal = layer_norm(y, eps=self.eps)
        return normal if self.gain == 1.0 else self.gain * normal
