"""The layer that pools a sequence by attention."""

from __future__ import annotations

import ostinato as ost


class Pooling(ost.Layer):
    """The mean over the valid steps, weighted by attention with learned queries: (N, T, F) -> (N, F).

        u = tanh(W x + b)
        weights = softmax over time of V u
        output = sum over time of weights * x

    size: features of u. heads: rows of V; the k-th weighs the k-th part of the features. Raises ShapeError
    unless input_size is a multiple of heads. Source: Yang et al. 2016, "Hierarchical attention networks for
    document classification", eq. 5-7.
    """

    name = "pooling"

    examples = ({"input_size": 3}, {"input_size": 4, "size": 3, "heads": 2})

    input_size: int
    size: int = 32
    heads: int = 1

    def build(self, x: ost.Symbol) -> ost.Symbol:
        """Return the pooled value of the sequence x."""
        hidden = ost.Dense(x.width, self.size, "tanh")(x)
        return ost.attend(ost.Dense(self.size, self.heads, bias=False)(hidden), x)
