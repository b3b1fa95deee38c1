"""Several quantiles of one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import ConfigError, Loss
from ostinato.ops import maximum, sum


class Quantiles(Loss):
    """The pinball losses of the quantiles 0.1, 0.5 and 0.9, one output each; a target is one number.

    Source: Koenker and Bassett 1978, "Regression quantiles".
    """

    name = "quantiles"

    def target_size(self, width: int) -> int:
        if width != 3:
            raise ConfigError(f"loss 'quantiles': the output has {width} features; expected 3")
        return 1

    def step(self, y: Any, target: Any) -> Any:
        q, error = np.array([0.1, 0.5, 0.9]), target - y
        return sum(maximum(q * error, (q - 1) * error))
