"""Joint sample paths: a distribution of the next value whose own draw is fed back, all paths in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ostinato.models.forecasting.outputs.distributions import Distribution
from ostinato.models.forecasting.outputs.standing import Standing
from ostinato.models.forecasting.series.smoothing import Smoothing
from ostinato.sequences.arrays import Array

ROWS: Final = 8192
"""Paths of a batch of the network."""


def roll_out(
    net: Any,
    standings: Sequence[Standing],
    distribution: Distribution,
    steps: int,
    paths: int,
    seeds: Sequence[Sequence[int]],
    window: int,
) -> Array:
    """Paths z (series, paths, steps), the values after the transform, drawn step by step.

    The outputs of the distribution are the last ones of the network. seeds: of each series. window: of the
    future covariates.
    """
    most = max(1, ROWS // paths)
    parts = []
    for start in range(0, len(standings), most):
        end = start + most
        parts.append(_rolled(net, standings[start:end], distribution, steps, paths, seeds[start:end], window))
    return np.concatenate(parts)


def _rolled(
    net: Any,
    standings: Sequence[Standing],
    distribution: Distribution,
    steps: int,
    paths: int,
    seeds: Sequence[Sequence[int]],
    window: int,
) -> Array:
    count = len(standings)
    rows = np.repeat(np.arange(count), paths)
    smoothing = Smoothing.joined([one.smoothing for one in standings]).take(rows)
    output = np.stack([one.output for one in standings])[rows]
    scales = np.array([one.scale for one in standings])[rows]
    noise = distribution.noise(seeds, steps, paths)
    names = list(standings[0].states)
    stream = net.stream(len(rows))
    stream.state = {
        name: np.concatenate([one.states[name] for one in standings], 1)[:, rows] for name in names
    }
    found = np.zeros((len(rows), steps))
    for step in range(steps):
        expected = smoothing.expected(1)[:, 0]
        parameters = output[:, -distribution.width :].astype(np.float64)
        if distribution.is_counts:
            parameters = np.concatenate([parameters, log_base(expected, scales)[:, None]], axis=1)
        drawn = distribution.draw(parameters.reshape(count, paths, -1), noise, step).reshape(-1)
        z = drawn / scales if distribution.is_counts else expected + smoothing.spread * drawn
        found[:, step] = z
        if step < steps - 1:
            features = smoothing.step(z).astype(np.float32)
            if standings[0].covariates is not None:
                # The first step after the last one of a standing has the number 1 in its covariates.
                known = [one.covariates.features(1 + step, 1, window) for one in standings]  # type: ignore[union-attr]
                features = np.concatenate([features, np.concatenate(known)[rows]], axis=1)
            output = stream.step(features)
    return found.reshape(count, paths, steps)


def log_base(expected: Array, scales: Array) -> Array:
    """The logarithm of the expected count, which is at least a twentieth of the scale of its series."""
    found: Array = np.log(np.maximum(expected, 0.05) * scales)
    return found
