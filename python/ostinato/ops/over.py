"""Reductions over a parameter, for the equations of optimizers: `ops.whole.norm(param)`, `ops.row.mean(v)`.

An equation of an optimizer is written for one number of a parameter. `ops.whole` makes one number of the
numbers of the whole parameter, `ops.row` and `ops.column` one of those of its row or column. The last axis of
a parameter counts its columns, and all others together its rows; a vector is one row. A value of a row or a
column is a value like any other: `v / ops.row.mean(v)`.

Sums are in float64, in an order that does not depend on the number of threads. The mean of no numbers is 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ostinato.ops.table import Symbolic, Value

MEASURES: Final = ("sum", "mean", "norm", "rms")


class Over:
    """Reductions over the whole parameter, over rows, or over columns."""

    def __init__(self, extent: str) -> None:
        """Take "whole", "row" or "column"."""
        self.extent = extent

    def sum(self, v: Value) -> Value:
        """The sum of the numbers."""
        return self._reduced("sum", v)

    def mean(self, v: Value) -> Value:
        """The mean of the numbers."""
        return self._reduced("mean", v)

    def norm(self, v: Value) -> Value:
        """The root of the sum of their squares."""
        return self._reduced("norm", v)

    def rms(self, v: Value) -> Value:
        """The root of the mean of their squares."""
        return self._reduced("rms", v)

    def _reduced(self, measure: str, v: Value) -> Value:
        if isinstance(v, Symbolic):
            return v.reduce(measure, self.extent)
        values = np.asarray(v)
        wide = values.astype(np.float64)
        axes = tuple(range(wide.ndim))
        over = {"whole": axes, "row": axes[-1:], "column": axes[:-1]}[self.extent]
        count = int(np.prod([wide.shape[axis] for axis in over]))
        total = np.sum(wide * wide if measure in ("norm", "rms") else wide, axis=over, keepdims=True)
        if measure in ("mean", "rms"):
            total = total / count if count else np.zeros_like(total)
        if measure in ("norm", "rms"):
            total = np.sqrt(total)
        kept = total.astype(values.dtype if values.dtype.kind == "f" else np.float64)
        return kept.reshape(())[()] if self.extent == "whole" else kept

    def __repr__(self) -> str:
        return f"ops.{self.extent}"


whole: Final = Over("whole")
row: Final = Over("row")
column: Final = Over("column")
