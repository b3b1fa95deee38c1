"""`attend`: the mean of a sequence, weighted by the softmax of scores over time."""

from __future__ import annotations

from typing import Any, Final

from ostinato import ops
from ostinato.errors import ShapeError, shown
from ostinato.layers import functions
from ostinato.network.symbol import Symbol, apply, check_symbols
from ostinato.sequences.axis import ROW

# Below every finite float32: scores of minus infinity are no scores, and weigh nothing.
_LOWEST: Final = -3e38


def attend(scores: Symbol, values: Symbol) -> Symbol:
    """The mean of `values` over the valid steps of each row, weighted by the softmax of `scores` over them.

    scores: (N, T, heads), values: (N, T, F), F a multiple of heads -> (N, F); zeros for a row of length 0.
    With several heads, the k-th score weighs the k-th part of the features. Raises ShapeError for other
    widths and for values of rows. Source: Bahdanau et al. 2015, eq. 5-6; heads: Vaswani et al. 2017.
    """
    check_symbols("attend", scores=scores, values=values)
    for name, one in (("scores", scores), ("values", values)):
        if one.axis == ROW or one.limit is not None:
            raise ShapeError(f"attend: {name} is {shown(one)}; expected a sequence of features")
    heads, width = scores.width, values.width
    if width % heads:
        raise ShapeError(
            f"attend: scores are {shown(scores)}, values {shown(values)}; expected a multiple of {heads} "
            "features"
        )

    def attention_powers(scores: Any, top: Any) -> Any:
        # The gradient through the largest score is 0: it shifts all scores alike.
        top = ops.stop_gradient(top)
        return ops.exp(scores - ops.where(top < _LOWEST, 0.0, top))

    def attention_values(power: Any, value: Any) -> Any:
        parts = ops.reshape(value, (heads, width // heads)) * ops.reshape(power, (heads, 1))
        return ops.reshape(parts, (width,))

    def attention(total: Any, weight: Any) -> Any:
        parts = ops.reshape(total, (heads, width // heads))
        return ops.reshape(parts / ops.reshape(ops.where(weight > 0.0, weight, 1.0), (heads, 1)), (width,))

    power = apply(attention_powers, scores, functions.max(scores))
    return apply(attention, functions.sum(apply(attention_values, power, values)), functions.sum(power))
