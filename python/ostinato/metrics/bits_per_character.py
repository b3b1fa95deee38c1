"""Cross-entropy in bits."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ostinato.losses import CrossEntropy
from ostinato.metrics.metric import Metric
from ostinato.ops import Value


class BitsPerCharacter(Metric):
    """The mean cross-entropy of logits with ids, in bits; if ids are characters, in bits per character."""

    name = "bits_per_character"
    target: ClassVar[str] = "index"
    better: ClassVar[str] = "lower"

    def step(self, y: Value, target: Value) -> Value:
        """Return the cross-entropy in nats."""
        return CrossEntropy().step(y, target)

    def finish(self, mean: Any) -> Any:
        """Return mean / log 2."""
        return mean / math.log(2.0)
