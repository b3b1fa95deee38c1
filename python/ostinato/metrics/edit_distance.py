"""Edits between predicted and true ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato import checks
from ostinato.errors import ShapeError
from ostinato.losses import CTC
from ostinato.metrics.metric import Metric
from ostinato.sequences.arrays import as_integers


class EditDistance(Metric):
    """Insertions, deletions and substitutions for each true id: the word or phoneme error rate, from 0.

    Without `blank`, y (V,) are scores of the id of a step, and the largest is the prediction. With it y are
    the logits of the loss "ctc", targets are the labels of a row, and the prediction is that of the best
    path: repeated ids once, without the blank. The edits of all rows are divided by the ids of all rows.

    blank: the id of the blank, or None. Raises ConfigError.
    Source: Levenshtein 1966; Wagner and Fischer 1974, "The string-to-string correction problem".
    """

    name = "edit_distance"
    better = "lower"
    examples = ({}, {"blank": 0})

    def __init__(self, *, blank: int | None = None) -> None:
        """Choose the blank of CTC."""
        if blank is not None:
            checks.count("metric 'edit_distance'", "blank", blank, at_least=0)
        self.blank = blank
        self.target = "index" if blank is None else "labels"  # type: ignore[misc]

    def row(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Any:
        """Return the edits and the number of true ids."""
        if self.blank is None:
            predicted = outputs.argmax(1)
        else:
            (predicted,) = CTC(blank=self.blank).decode(outputs[None])
        true = np.ravel(targets)
        return np.array([edits(predicted, true), true.size], np.float64)

    def finish(self, mean: Any) -> float:
        """Return edits per true id; without any true id, infinity if there are edits, else 0."""
        found, ids = map(float, mean)
        if ids == 0:
            return np.inf if found else 0.0
        return found / ids


def edits(found: npt.ArrayLike, wanted: npt.ArrayLike) -> int:
    """The fewest insertions, deletions and substitutions that turn one sequence of ids into another.

    found, wanted: (n,) and (m,) integers; either may be empty. Raises ShapeError, DTypeError.
    Source: Wagner and Fischer 1974, whose table is made row by row.
    """
    ids, others = (as_integers(f"edits: {name}", one) for name, one in (("found", found), ("wanted", wanted)))
    for name, one in (("found", ids), ("wanted", others)):
        if one.ndim != 1:
            raise ShapeError(f"edits: {name} is {one.shape}; expected (n,), the ids of one sequence")
    places = np.arange(len(others) + 1)
    row = places.copy()
    for one in ids:
        best = row + 1
        best[1:] = np.minimum(best[1:], row[:-1] + (others != one))
        # insertions: a running minimum
        row = np.minimum.accumulate(best - places) + places
    return int(row[-1])
