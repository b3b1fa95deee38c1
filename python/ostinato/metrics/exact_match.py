"""Share of rows without an error."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ostinato.metrics.metric import Metric


class ExactMatch(Metric):
    """The share 0..1 of rows whose valid steps are all correct. y (V,) scores, target an id."""

    name = "exact_match"
    target: ClassVar[str] = "index"
    better: ClassVar[str] = "higher"

    def row(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Any:
        """Return 1 if the largest output of each step is the target's, else 0."""
        return float(np.all(outputs.argmax(1) == targets))
