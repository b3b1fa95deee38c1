"""`ModelStream`: the answers of a model after each step of sequences that are still coming in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ostinato.attribute_guard import AttributeGuard
from ostinato.errors import ConfigError, ShapeError
from ostinato.models.reading.feature_names import Names, check_names, feature_names
from ostinato.models.reading.input_scaling import InputScaling
from ostinato.network import Network
from ostinato.sequences.arrays import Array, as_array


class ModelStream(AttributeGuard):
    """Answers after each step, from `SequenceClassifier.stream` or `SequenceRegressor.stream`.

    The work of a step does not depend on the steps before. An answer is that of the whole sequence so far, of
    `predict_proba` or of the regressor's `predict`: bit-identical without "mean" in the pooling, and with it
    up to rounding, as a mean over T steps adds the states divided by T.
    """

    def __init__(
        self,
        states: Sequence[Network],
        heads: Sequence[Network],
        pooling: Sequence[str],
        scaling: InputScaling,
        answer: Callable[[list[Array]], Array],
        batch: int,
        names: Names = None,
    ) -> None:
        self._streams = [one.stream(batch) for one in states]
        self._heads = [one.stream(batch) for one in heads]
        self._pools = [Pools(pooling) for _ in states]
        self._scaling, self._answer, self._batch = scaling, answer, batch
        self._dtype = states[0].dtype
        self._names = names

    @property
    def steps(self) -> int:
        """The steps so far."""
        return self._pools[0].steps

    def step(self, x: Any) -> Array:
        """The answers after one more step: of a classifier the probabilities (batch, C), float64.

        x: (batch, F), the features of this step of each sequence. Raises ShapeError, DTypeError; ConfigError
        for NaN and infinity, and for a table whose columns are not those of `fit` in their order.
        """
        check_names(feature_names(x), self._names, "x")
        given = as_array("ModelStream.step: x", x)
        expected = (self._batch, self._scaling.width)
        if given.shape != expected or given.dtype.kind not in "biuf":
            raise ShapeError(
                f"ModelStream.step: x is {given.dtype}{given.shape}; expected numbers {expected}"
            )
        if not np.isfinite(given).all():
            row, feature = (int(one) for one in np.argwhere(~np.isfinite(given))[0])
            raise ConfigError(
                f"ModelStream.step: x[{row}, {feature}] is {given[row, feature]}; expected finite numbers"
            )
        (scaled,) = self._scaling.apply("ModelStream.step", [given], self._dtype, "x[{1}, {2}]")
        outputs = [
            head.step(pools.add(stream.step(scaled)))
            for stream, pools, head in zip(self._streams, self._pools, self._heads, strict=True)
        ]
        return self._answer([np.array(one) for one in outputs])

    def reset(self) -> None:
        """Starts new sequences."""
        for stream, pools in zip(self._streams, self._pools, strict=True):
            stream.reset()
            pools.reset()


class Pools:
    """Reductions over the steps so far, in the order of their names."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self.reset()

    def reset(self) -> None:
        """No step so far."""
        self.steps = 0
        self._kept: dict[str, Array] = {}

    def add(self, states: Array) -> Array:
        """The reductions (batch, R * H) after one more step, with states (batch, H)."""
        now = np.array(states)
        kept = self._kept
        if not self.steps:
            kept.update(first=now, sum=now, max=now)
        else:
            kept.update(sum=kept["sum"] + now, max=np.maximum(kept["max"], now))
        self.steps += 1
        found = {**kept, "last": now, "mean": kept["sum"] / now.dtype.type(self.steps)}
        return np.concatenate([found[name] for name in self._names], axis=1)
