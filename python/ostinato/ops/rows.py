"""Ops along an axis: sums and maxima, softmax, and normalizations.

The axis is the last one unless `axis` says otherwise: 0 or 1 of a matrix, or -2 or -1. With `keepdims=True` a
reduction keeps an axis of size 1, so that the result broadcasts against `x`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ostinato import checks
from ostinato.dims import describe
from ostinato.errors import ShapeError
from ostinato.ops.shaping import reshape, transpose
from ostinato.ops.table import Value, composed, op
from ostinato.settings import ignoring


@op("keepdims", name="sum")
def _sum(x: Value, keepdims: bool = False) -> Value:
    return np.sum(x, axis=-1, keepdims=keepdims)


@op("keepdims", name="mean")
def _mean(x: Value, keepdims: bool = False) -> Value:
    return np.mean(x, axis=-1, keepdims=keepdims)


@op("keepdims", name="max")
def _max(x: Value, keepdims: bool = False) -> Value:
    return np.max(x, axis=-1, keepdims=keepdims)


@op("keepdims", name="logsumexp")
def _logsumexp(x: Value, keepdims: bool = False) -> Value:
    peak = np.max(x, axis=-1, keepdims=True)
    # Nothing is subtracted from an infinite maximum: inf - inf would be NaN although the result is defined.
    peak = np.where(np.isfinite(peak), peak, np.zeros_like(peak))
    result = ignoring(np.log, np.sum(np.exp(x - peak), axis=-1, keepdims=True)) + peak
    return result if keepdims else result[..., 0]


@op("keepdims", name="sum_first")
def _sum_first(x: Value, keepdims: bool = False) -> Value:
    return np.sum(x, axis=0, keepdims=keepdims)


@composed
def sum(x: Value, keepdims: bool = False, axis: int = -1) -> Value:
    """The sum along the last axis, or along `axis`."""
    return _sum_first(x, keepdims) if _is_first("sum", x, axis) else _sum(x, keepdims)


@composed
def mean(x: Value, keepdims: bool = False, axis: int = -1) -> Value:
    """The mean along the last axis, or along `axis`."""
    if _is_first("mean", x, axis):
        return _sum_first(x, keepdims) / float(x.shape[0])
    return _mean(x, keepdims)


@composed
def max(x: Value, keepdims: bool = False, axis: int = -1) -> Value:
    """The maximum along the last axis, or along `axis`; equal maxima share the gradient equally."""
    return _reduced("max", _max, x, keepdims, axis)


@composed
def logsumexp(x: Value, keepdims: bool = False, axis: int = -1) -> Value:
    """Log of the sum of e^x along the last axis, or along `axis`, without overflow."""
    return _reduced("logsumexp", _logsumexp, x, keepdims, axis)


def _reduced(name: str, reduce: Callable[[Value, bool], Value], x: Value, keepdims: bool, axis: int) -> Value:
    if not _is_first(name, x, axis):
        return reduce(x, keepdims)
    result = reduce(transpose(x), False)
    return reshape(result, (1, x.shape[1])) if keepdims else result


def _is_first(name: str, x: Value, axis: int) -> bool:
    """Whether `axis` is the first of the two axes of a matrix; False for the last axis of any value."""
    checks.by_type(name, "axis", "int", axis)
    rank = len(x.shape) if hasattr(x, "shape") else np.ndim(x)
    if rank and not -rank <= axis < rank:
        raise ShapeError(f"{name}: axis is {axis}; x is {describe(x.shape)}, with axes {-rank} to {rank - 1}")
    return rank == 2 and axis in (0, -2)


@op()
def argmax(x: Value) -> Value:
    """The id of the largest element of a vector, the first of equal ones."""
    if np.ndim(x) != 1:
        raise ShapeError(f"argmax: x is {np.shape(x)}; expected a vector")
    return np.argmax(x)


@op(name="softmax")
def _softmax(x: Value) -> Value:
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return powers / np.sum(powers, axis=-1, keepdims=True)


@op(name="log_softmax")
def _log_softmax(x: Value) -> Value:
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


@composed
def softmax(x: Value, axis: int = -1) -> Value:
    """e^x / sum(e^x) along the last axis, or along `axis`, without overflow."""
    if _is_first("softmax", x, axis):
        return transpose(_softmax(transpose(x)))
    return _softmax(x)


@composed
def log_softmax(x: Value, axis: int = -1) -> Value:
    """Log of softmax, x - logsumexp(x), along the last axis, or along `axis`."""
    if _is_first("log_softmax", x, axis):
        return transpose(_log_softmax(transpose(x)))
    return _log_softmax(x)


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
