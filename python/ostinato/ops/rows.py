"""Ops along the last axis: sums and maxima, softmax, and normalizations.

With `keepdims=True` a reduction keeps an axis of size 1, so that the result broadcasts against `x`.
"""

from __future__ import annotations

import numpy as np

from ostinato.errors import ShapeError
from ostinato.ops.table import Value, composed, op


@op("keepdims")
def sum(x: Value, keepdims: bool = False) -> Value:
    """The sum along the last axis."""
    return np.sum(x, axis=-1, keepdims=keepdims)


@op("keepdims")
def mean(x: Value, keepdims: bool = False) -> Value:
    """The mean along the last axis."""
    return np.mean(x, axis=-1, keepdims=keepdims)


@op("keepdims")
def max(x: Value, keepdims: bool = False) -> Value:
    """The maximum along the last axis."""
    return np.max(x, axis=-1, keepdims=keepdims)


@op("keepdims")
def logsumexp(x: Value, keepdims: bool = False) -> Value:
    """Log of the sum of e^x along the last axis, without overflow."""
    peak = np.max(x, axis=-1, keepdims=True)
    # Nothing is subtracted from an infinite maximum: inf - inf would be NaN although the result is defined.
    peak = np.where(np.isfinite(peak), peak, np.zeros_like(peak))
    with np.errstate(divide="ignore"):
        result = np.log(np.sum(np.exp(x - peak), axis=-1, keepdims=True)) + peak
    return result if keepdims else result[..., 0]


@op()
def argmax(x: Value) -> Value:
    """The id of the largest element of a vector, the first of equal ones."""
    if np.ndim(x) != 1:
        raise ShapeError(f"argmax: x is {np.shape(x)}; expected a vector")
    return np.argmax(x)


@op()
def softmax(x: Value) -> Value:
    """e^x / sum(e^x) along the last axis, without overflow."""
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


@op()
def log_softmax(x: Value) -> Value:
    """Log of softmax, x - logsumexp(x), along the last axis."""
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


@op("eps", name="layer_norm")
def _layer_norm(x: Value, eps: float = 1e-5) -> Value:
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + eps)


@op("eps", name="rms_norm")
def _rms_norm(x: Value, eps: float = 1e-5) -> Value:
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)


@composed
def layer_norm(x: Value, weight: Value = None, bias: Value = None, eps: float = 1e-5) -> Value:
    """(x - mean) / sqrt(variance + eps) along the last axis, then times weight, plus bias if given.

    The variance is the mean of squares about the mean. Source: Ba et al. 2016, eq. 4.
    """
    return _affine(_layer_norm(x, eps), weight, bias)


@composed
def rms_norm(x: Value, weight: Value = None, eps: float = 1e-5) -> Value:
    """Root-mean-square norm: x / sqrt(mean(x^2) + eps) along the last axis, then times weight if given.

    Source: Zhang and Sennrich 2019, eq. 4.
    """
    return _affine(_rms_norm(x, eps), weight, None)


def _affine(x: Value, weight: Value, bias: Value) -> Value:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias
