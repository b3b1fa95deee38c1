"""F1 of one class over all steps."""

from __future__ import annotations

from typing import Any

from ostinato import ConfigError, Metric
from ostinato.ops import argmax, concat, one_hot


class TokenF1(Metric):
    """2 tp / (said + true) of the class `positive`. Source: van Rijsbergen 1979, chapter 7."""

    name = "token_f1"
    target = "index"
    better = "higher"

    def __init__(self, positive: int = 1) -> None:
        self.positive = positive

    def step(self, y: Any, target: Any) -> Any:
        if len(y) <= self.positive:
            raise ConfigError(f"metric 'token_f1': class {self.positive} of {len(y)}")
        said = one_hot(argmax(y), len(y))[self.positive]
        true = one_hot(target, len(y))[self.positive]
        return concat(said * true, said, true)

    def finish(self, mean: Any) -> float:
        return float(2 * mean[0] / max(mean[1] + mean[2], 1e-12))
