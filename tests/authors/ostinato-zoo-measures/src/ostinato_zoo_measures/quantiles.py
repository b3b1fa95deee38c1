"""Several quantiles of one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import ConfigError, Loss
from ostinato.ops import maximum, sum


class Quantiles(Loss):
    """The pinball losses of the quantiles 0.1, 0.5 and 0.9, one output each; the target repeats its number.

    Source: Koenker and Bassett 1978, "Regression quantiles".
    """

    name = "quantiles"

    def step(self, y: Any, target: Any) -> Any:
        if len(y) != 3:
            raise ConfigError(
                f"loss 'quantiles': the output has {len(y)} features; expected 3, one a quantile"
            )
        q, error = np.array([0.1, 0.5, 0.9]), target - y
        return sum(maximum(q * error, (q - 1) * error))
