"""Distributions of the next value: what a recursive forecaster predicts, and draws from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np

from ostinato.losses import GaussianNLL, NegativeBinomialNLL, StudentTNLL
from ostinato.ops import Value, concat
from ostinato.sequences.arrays import Array


class Distribution(ABC):
    """A distribution of the next value, from `width` outputs of a network.

    That of real numbers is of the error: what the next value is above the expected one, in units. That of
    counts is of the value itself; its mean is a factor of the expected value.
    """

    width: ClassVar[int]
    is_counts: ClassVar[bool] = False
    loss: ClassVar[Any]
    """A loss."""

    def nll(self, y: Value, target: Value, log_base: Value) -> Value:
        """-log p of one number, an error or a count. log_base (1,): the logarithm of the expected count."""
        found: Value = self.loss.step(y, target)
        return found

    @abstractmethod
    def noise(self, seeds: Sequence[Sequence[int]], steps: int, paths: int) -> Any:
        """What `draw` needs for every step, of one seed for each series. Equal seeds have equal noise."""

    @abstractmethod
    def draw(self, outputs: Array, noise: Any, step: int) -> Array:
        """(series, paths): errors, or counts in units of the expected one, of outputs (series, paths, width).

        Each series is computed number by number, so its bits do not depend on the others.
        """


class Normal(Distribution):
    """Outputs: the mean, and the logarithm of the variance. Source: Salinas et al. 2020, "DeepAR"."""

    width = 2
    loss = GaussianNLL()

    def noise(self, seeds: Sequence[Sequence[int]], steps: int, paths: int) -> Any:
        """Normal numbers (steps, series, paths)."""
        return _stacked(seeds, lambda rng: rng.standard_normal((steps, paths)))

    def draw(self, outputs: Array, noise: Any, step: int) -> Array:
        """mean + deviation * noise."""
        log_variance = np.maximum(outputs[..., 1], np.log(self.loss.smallest))
        drawn: Array = outputs[..., 0] + np.exp(0.5 * log_variance) * noise[step]
        return drawn


class StudentT(Distribution):
    """Outputs: the location, the logarithm of the scale, and r for 2 + softplus(r) degrees of freedom.

    Source of the draws, exact for any degrees of freedom: Bailey 1994, "Polar generation of random variates
    with the t-distribution".
    """

    width = 3
    loss = StudentTNLL()

    def noise(self, seeds: Sequence[Sequence[int]], steps: int, paths: int) -> Any:
        """Uniform numbers in (0, 1] (steps, series, paths, 2)."""
        return _stacked(seeds, lambda rng: 1.0 - rng.random((steps, paths, 2)))

    def draw(self, outputs: Array, noise: Any, step: int) -> Array:
        """location + scale sqrt(v (u^(-2/v) - 1)) cos(2 pi w)."""
        degrees = 2.0 + np.logaddexp(0.0, outputs[..., 2])
        u, w = noise[step][..., 0], noise[step][..., 1]
        t = np.sqrt(degrees * np.expm1(-2.0 / degrees * np.log(u))) * np.cos(2.0 * np.pi * w)
        log_scale = np.maximum(outputs[..., 1], np.log(self.loss.smallest))
        drawn: Array = outputs[..., 0] + np.exp(log_scale) * t
        return drawn


class NegativeBinomial(Distribution):
    """Outputs: the logarithm of mean / expected value, and of r, for counts with the variance m + m^2 / r."""

    width = 2
    is_counts = True
    loss = NegativeBinomialNLL()

    def nll(self, y: Value, target: Value, log_base: Value) -> Value:
        """-log p of a count."""
        found: Value = self.loss.step(concat(y[0:1] + log_base, y[1:2]), target)
        return found

    def noise(self, seeds: Sequence[Sequence[int]], steps: int, paths: int) -> Any:
        """A generator for each series."""
        return [np.random.default_rng(one) for one in seeds]

    def draw(self, outputs: Array, noise: Any, step: int) -> Array:
        """The factor and r, drawn as a Poisson number of a gamma one; in units of the expected count.

        The caller gives the logarithm of the expected count as a third output.
        """
        mean = np.exp(np.minimum(outputs[..., 0] + outputs[..., 2], LARGEST_LOG))
        r = np.exp(np.clip(outputs[..., 1], -8.0, 8.0))
        pairs = zip(noise, mean, r, strict=True)
        drawn = [rng.poisson(np.minimum(rng.gamma(b, a / b), 1e15)) for rng, a, b in pairs]
        return np.array(drawn, np.float64)


LARGEST_LOG: Final = 30.0
"""Means above e^30 count as that: NumPy draws no larger numbers."""

DISTRIBUTIONS: Final[Mapping[str, Distribution]] = {
    "normal": Normal(),
    "student_t": StudentT(),
    "negative_binomial": NegativeBinomial(),
}
"""The distributions by the names that estimators take."""


def _stacked(seeds: Sequence[Sequence[int]], draw: Any) -> Array:
    """Noise (steps, series, ...) of generators; each different seed draws once."""
    drawn: dict[tuple[int, ...], Array] = {}
    for seed in map(tuple, seeds):
        if seed not in drawn:
            drawn[seed] = draw(np.random.default_rng(seed))
    return np.stack([drawn[tuple(seed)] for seed in seeds], axis=1)
