"""The triplet loss."""

from __future__ import annotations

from typing import Any, ClassVar

from ostinato import ConfigError, Loss
from ostinato.ops import maximum, split, square, sum


class Triplet(Loss):
    """max(|a - p|^2 - |a - n|^2 + margin, 0); an output is (a, p, n) side by side, the target is not read.

    Source: Schroff et al. 2015, "FaceNet", eq. 2.
    """

    name = "triplet"
    expected_failures: ClassVar[dict[str, str]] = {"target": "it compares parts of the output"}

    def __init__(self, margin: float = 1.0) -> None:
        self.margin = margin

    def step(self, y: Any, target: Any) -> Any:
        if len(y) % 3:
            raise ConfigError(f"loss 'triplet': the output has {len(y)} features; expected three equal parts")
        a, p, n = split(y, 3)
        return maximum(sum(square(a - p)) - sum(square(a - n)) + self.margin, 0.0) + 0.0 * sum(target)
