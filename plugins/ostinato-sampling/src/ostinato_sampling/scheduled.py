"""Truth or prediction, by a coin whose probability changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ostinato import Batch, ConfigError, Feeding, Moment
from ostinato_sampling.predictions import predictions

DECAYS = ("linear", "exponential", "inverse_sigmoid", "constant")


class ScheduledSampling(Feeding):
    """A coin for each row and step: the true id with probability p(i, t), else the network's own prediction.

        p(i, t) = max(floor, start * f(i)) * along ** t

    at update i and step t, both from 0. `decay` is the schedule along training (Bengio et al. 2015, section
    2.4): "linear", f = max(0, 1 - i / k), or with k=None over the whole of `fit`; "exponential", f = k ** i
    with k below 1; "inverse_sigmoid", f = k / (k + exp(i / k)) with k from 1; "constant", f = 1, which has no
    k. `along` is the schedule along the sequence: eps0 * lambda ** t is decay="constant", start=eps0,
    along=lambda.

    temperature: of predictions; 1 draws ids by their probabilities, 0 takes the most likely. The coin and the
    draw of a row depend on the seed of the run, the update, the row's place in the data and the step, and
    not on the other rows. The loss remains that of the true targets, a predicted end ends nothing, and no
    gradient flows through the choice of an id. Raises ConfigError.
    """

    name = "scheduled_sampling"

    examples = (
        {"k": 20},
        {"decay": "exponential", "k": 0.9},
        {"decay": "inverse_sigmoid", "k": 5.0, "floor": 0.25, "temperature": 0.0},
        {"decay": "constant", "start": 0.9, "along": 0.8},
    )

    def __init__(
        self,
        decay: str = "linear",
        k: float | None = None,
        *,
        start: float = 1.0,
        floor: float = 0.0,
        along: float = 1.0,
        temperature: float = 1.0,
    ) -> None:
        self.decay, self.k = decay, k
        self.start, self.floor, self.along, self.temperature = start, floor, along, temperature
        self._check()

    def probability(self, when: Moment) -> float:
        """The probability of truth at step 0, max(floor, start * f(i))."""
        return max(self.floor, self.start * self._decayed(when))

    def probabilities(self, when: Moment, steps: int) -> Any:
        """p(i, t) of each step, (T,)."""
        return self.probability(when) * np.power(float(self.along), np.arange(steps))

    def coins(self, when: Moment, places: Any, steps: int) -> Any:
        """(N, T) booleans for the rows at these places of the data: True means truth.

        The coins of a row are a stream of their own, so neither the other rows nor padding change them.
        """
        key = when.draw_seed("scheduled_sampling coins")
        below = self.probabilities(when, steps)
        drawn = np.empty((len(places), steps))
        for row, place in enumerate(places):
            stream = np.random.Philox(key=key, counter=int(place) << 128)
            drawn[row] = np.random.Generator(stream).random(steps)
        return drawn < below

    def feed(self, batch: Batch, when: Moment) -> Batch:
        """Return the batch with the coins as its truth."""
        self._check()
        rows, steps = batch.fed_shape
        truth = self.coins(when, np.arange(rows) if batch.places is None else batch.places, steps)
        return batch.replace(truth=truth, sample=predictions(self.temperature, when, self.name))

    def _decayed(self, when: Moment) -> float:
        if self.decay == "constant":
            return 1.0
        if self.k is None:
            return 1.0 - when.done
        if self.decay == "linear":
            return max(0.0, 1.0 - when.step / self.k)
        if self.decay == "exponential":
            return float(self.k**when.step)
        grown = when.step / self.k
        return self.k / (self.k + math.exp(grown)) if grown < 700 else 0.0

    def _check(self) -> None:
        """The options are read at each update, and may be set in between. Raises ConfigError."""
        if self.decay not in DECAYS:
            raise self._error("decay", f"one of {', '.join(map(repr, DECAYS))}")
        if self.decay == "constant":
            if self.k is not None:
                raise self._error("k", "None with decay='constant', which has no k")
        elif self.k is not None or self.decay != "linear":
            low, high, expected = {
                "linear": (0.0, math.inf, "a number above 0, the updates until f is 0, or None"),
                "exponential": (0.0, 1.0, "a number between 0 and 1 with decay='exponential'"),
                "inverse_sigmoid": (1.0, math.inf, "a number from 1 with decay='inverse_sigmoid'"),
            }[self.decay]
            if self.k is None or not _is_number(self.k) or not low <= self.k < high or self.k == 0:
                raise self._error("k", expected)
        for name in ("start", "floor", "along"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= 1:
                raise self._error(name, "a probability from 0 to 1")
        if not _is_number(self.temperature) or not 0 <= self.temperature <= 1000:
            raise self._error("temperature", "a number from 0 to 1000")

    def _error(self, option: str, expected: str) -> ConfigError:
        return ConfigError(
            f"feeding {self.name!r}: {option} is {getattr(self, option)!r}; expected {expected}"
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
