"""The base class of metrics."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy.typing as npt

from ostinato.errors import ConfigError, shown
from ostinato.ops import Value
from ostinato.options import Configured


class Metric(Configured):
    """A measurement in addition to the loss: `finish(mean over the valid steps of step(y, target))`.

    Derive from this class and write `step` or `row`. `target` is the kind of targets: "output" for numbers of
    the output's shape, "index" for ids, "labels" for the labels of a row (with `row` only). `better` says
    which values are better, "lower", "higher" or such as "nearest to 0.8": `EarlyStopping` and `Plateau` take
    it from here. "" says nothing.

    - `step`, in the step language: one number, or a vector of up to 64, from the output y (F,) and the target
      of one time step. The engine runs it over the valid steps. Use it for a mean of steps, or for what is
      made of a few means (precision, correlation).
    - `row`, in NumPy: a number or a vector from the valid steps of one row. Use it for what reads a whole row
      (edit distance, BLEU) or counts many things (F1 of many classes).

    `finish` makes the metric of the mean: over the valid steps for `step`, weighted as the loss is; over the
    rows with a valid step for `row`, each counted once.
    """

    kind: ClassVar[str] = "metric"
    target: ClassVar[str] = "output"
    better: ClassVar[str] = ""

    def target_size(self, width: int) -> int:
        """Return how many numbers a target has for outputs of `width` features; by default as many.

        For `target = "output"`: those of the loss. Raise ConfigError for a width that does not fit.
        """
        return width

    def step(self, y: Value, target: Value) -> Value:
        """Return the number to average, or a vector of numbers."""
        raise ConfigError(
            f"metric {shown(self.name)} has no step; write step(self, y, target) -> one number or a vector, "
            "or row(self, outputs, targets)"
        )

    def row(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Any:
        """Return the number, or the vector (k,), to average over rows.

        outputs: (T_n, F), the valid steps of a row, (1, F) for an output of one value for each row. targets:
        (T_n, F), (T_n,) ids, or the labels of the row (L_n,), without what fills them up; for a loss of rows
        the target of the row, (F,) or one id. Both are copies.
        """
        raise ConfigError(f"metric {shown(self.name)} has no row; write row(self, outputs, targets)")

    def finish(self, mean: Any) -> Any:
        """Return the metric, a float, from the mean: a float, or float64 (k,) for a vector."""
        return mean

    @property
    def of_rows(self) -> bool:
        """Whether the metric reads whole rows. Raises ConfigError for one with both `step` and `row`."""
        rows, steps = type(self).row is not Metric.row, type(self).step is not Metric.step
        if rows and steps:
            raise ConfigError(f"metric {shown(self.name)} has step and row; expected one of them")
        return rows
