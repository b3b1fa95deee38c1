"""The loss whose minimum are quantiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.losses.loss import Loss
from ostinato.ops import Value, maximum, mean, reshape, split


class Pinball(Loss):
    """The mean of max(q e, (q - 1) e) over Q quantiles q and F features, with e = t - y.

    y (F * Q,): the quantiles of the first feature, then those of the second, and so on, in the order of
    `quantiles`. Target (F,). At the minimum, a share q of the targets is below the output of quantile q.

    With `weighted` the target is (2 F,): F targets, then F weights from 0, by which the terms of each feature
    are multiplied. A target with the weight 0 is not read, if it is a number: forecasts of several steps have
    such targets at the end of a series.

    quantiles: between 0 and 1, at least one. Raises ConfigError, also if the number of outputs is not a
    multiple of Q. Source: Koenker and Bassett 1978, "Regression quantiles", eq. 3.1.
    """

    examples = ({}, {"quantiles": (0.5,)}, {"weighted": True})

    def __init__(self, *, quantiles: Sequence[float] = (0.1, 0.5, 0.9), weighted: bool = False) -> None:
        """Choose the quantiles, and whether targets have weights."""
        self.weighted = checks.flag("loss 'pinball'", "weighted", weighted)
        if not isinstance(quantiles, (list, tuple, np.ndarray)) or not len(quantiles):
            raise ConfigError(
                f"loss 'pinball': quantiles is {shown(quantiles)}; expected a list of numbers between 0 and 1"
            )
        self.quantiles = tuple(
            checks.number("loss 'pinball'", f"quantiles[{place}]", one, above=0.0, below=1.0)
            for place, one in enumerate(quantiles)
        )

    def target_size(self, width: int) -> int:
        """F for `width` outputs, or 2 F with weights. Raises ConfigError if they are no multiple of Q."""
        count = len(self.quantiles)
        if width % count:
            raise ConfigError(
                f"loss 'pinball': the output has {width} features; expected a multiple of {count}, one for "
                "each quantile of each feature of the target"
            )
        return width // count * (2 if self.weighted else 1)

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, at least 0."""
        quantiles = np.array(self.quantiles, y.dtype if isinstance(y, np.ndarray) else float)
        weights = None
        if self.weighted:
            target, weights = split(target, 2)
        (features,) = target.shape
        error = reshape(target, (features, 1)) - reshape(y, (features, len(quantiles)))
        terms = maximum(quantiles * error, (quantiles - 1.0) * error)
        if weights is not None:
            return mean(mean(terms) * weights)
        return mean(reshape(terms, y.shape))
