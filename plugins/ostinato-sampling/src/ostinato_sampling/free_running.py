"""The network's own predictions, at every step."""

from __future__ import annotations

import numpy as np

from ostinato import Batch, ConfigError, Feeding, Moment
from ostinato_sampling.predictions import predictions


class FreeRunning(Feeding):
    """Each step is fed the id that the network predicted at the step before; the first one that of x.

    The loss remains that of the true targets. A predicted end ends nothing: each row has as many steps as its
    targets. temperature: 0 feeds the most likely id; above 0, ids are drawn from softmax(logits /
    temperature). No gradient flows through the choice of an id.

    Raises ConfigError. Source: Williams and Zipser 1989, where teacher forcing is the other choice.
    """

    name = "free_running"

    examples = ({}, {"temperature": 1.0})

    def __init__(self, temperature: float = 0.0) -> None:
        self.temperature = temperature
        self._check()

    def feed(self, batch: Batch, when: Moment) -> Batch:
        """Return the batch with a truth that is False everywhere but at the first step of each row."""
        self._check()
        truth = np.zeros(batch.fed_shape, bool)
        truth[:, :1] = True
        return batch.replace(truth=truth, sample=predictions(self.temperature, when, self.name))

    def _check(self) -> None:
        if not isinstance(self.temperature, (int, float)) or not 0 <= self.temperature <= 1000:
            raise ConfigError(
                f"feeding {self.name!r}: temperature is {self.temperature!r}; expected a number from "
                "0 to 1000"
            )
