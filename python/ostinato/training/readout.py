"""`fit_readout`: the last layer of a network by ridge regression, in one step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato import checks
from ostinato.buffers import buffered
from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.layers.dense import Dense
from ostinato.layers.sequential import Sequential
from ostinato.sequences.arrays import as_array, within

Floats = NDArray[np.float64]


def fit_readout(
    net: Sequential, x: Any, targets: Any, *, ridge: float = 1e-6, lengths: Any = None, washout: int = 0
) -> float:
    """Sets the weight and bias of the last layer to the ridge regression of the targets; returns the error.

    The last layer of `net` is a `Dense` without activation; all layers before it stay as they are, such as
    an `EchoState`. The weight minimizes the sum over rows and steps of |y - target|^2, plus
    ridge |weight|^2, in float64; the bias is not penalized. Returns the mean of (y - target)^2 over the same
    steps.

    x: what net.run takes. targets: numbers of the shape of the outputs, finite at the steps that are read.
    ridge: above 0. lengths: (N,) valid steps of each row. washout: the first steps of each row, which are not
    read, because the state depends on its start.

    Raises ConfigError for another network or options, ShapeError and DTypeError for arrays. Then nothing is
    changed. Source: Lukosevicius 2012, "A practical guide to applying echo state networks", eq. 9.
    """
    before, readout = _parts(net)
    ridge = checks.number("fit_readout", "ridge", ridge, above=0.0)
    washout = checks.count("fit_readout", "washout", washout, at_least=0)
    run = Sequential(*(copy.deepcopy(layer) for layer in before)).run(x, lengths=lengths)
    features: Any = run.outputs
    wanted = _targets(targets, (*features.shape[:-1], readout.output_size))
    chosen = _chosen(net, features, run.lengths, washout)
    inputs, wanted = features[chosen].astype(np.float64), wanted[chosen]
    if not np.isfinite(wanted).all():
        raise ConfigError("fit_readout: targets has a value that is not finite at a step that is read")
    if not len(inputs):
        raise ConfigError(f"fit_readout: no step is left after a washout of {washout}; expected longer rows")
    weight, bias = _solved(inputs, wanted, ridge, readout.bias)
    params = readout.parameters()
    params["weight"][...] = weight.T
    if readout.bias:
        params["bias"][...] = bias
    return float(np.mean((inputs @ weight + bias - wanted) ** 2))


def _parts(net: Any) -> tuple[list[Any], Any]:
    """The layers before the last, and the last."""
    if not isinstance(net, Sequential):
        raise ConfigError(f"fit_readout: net is {shown(net)}; expected a Sequential that ends with a Dense")
    *before, readout = net.layers.values()
    if not isinstance(readout, Dense) or not before:
        raise ConfigError(
            f"fit_readout: net ends with {shown(readout)}; expected a Dense after other layers, such as "
            "Sequential(EchoState(1, 100), Dense(100, 1))"
        )
    if readout.activation != "identity" or "weight" not in readout.parameters():
        raise ConfigError(
            f"fit_readout: {shown(readout)} has an activation or a tied weight; expected a plain Dense"
        )
    return before, readout


def _targets(targets: Any, shape: tuple[int, ...]) -> Floats:
    array = as_array("fit_readout: targets", targets)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"fit_readout: targets is {shown(targets)}; expected an array of numbers")
    if array.shape != shape:
        raise ShapeError(f"fit_readout: targets is {array.shape}; expected {shape}, the shape of the outputs")
    return array.astype(np.float64)


def _chosen(net: Sequential, features: Any, lengths: Any, washout: int) -> NDArray[np.bool_]:
    """Which rows and steps are read: in the shape of the features, without the last axis."""
    if features.ndim == 2:  # one output for each row
        if washout:
            raise ConfigError("fit_readout: washout with one output for each row; expected washout=0")
        return np.ones(len(features), bool)
    rows, steps = features.shape[:2] if net.batch_first else features.shape[1::-1]
    chosen = within(np.full(rows, steps) if lengths is None else np.asarray(lengths), steps)
    chosen[:, :washout] = False
    return chosen if net.batch_first else chosen.T


def _solved(inputs: Floats, targets: Floats, ridge: float, bias: bool) -> tuple[Floats, Any]:
    """The weight (features, outputs) and the bias: with a bias, both sides are centered first."""
    center, mean = (inputs.mean(axis=0), targets.mean(axis=0)) if bias else (0.0, 0.0)
    centered = buffered(lambda: inputs - center, results=inputs.nbytes)
    gram = centered.T @ centered
    gram[np.diag_indices_from(gram)] += ridge
    weight: Floats = np.linalg.solve(gram, centered.T @ (targets - mean))
    return weight, mean - center @ weight if bias else 0.0
