"""`ostinato fit classifier`: a class for each sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ostinato.cli.kinds.kind import Lines
from ostinato.cli.kinds.labels import accuracy, counted, draw_counts, of_known
from ostinato.cli.kinds.sequences import SequenceKind, first_column
from ostinato.cli.reading.answers import known_labels, labels
from ostinato.cli.reading.sequences import Sequences
from ostinato.models import SequenceClassifier
from ostinato.sequences.arrays import Array


class ClassifierKind(SequenceKind):
    """`SequenceClassifier`."""

    estimator, name = SequenceClassifier, "classifier"

    def answers(self, data: Sequences) -> Array:
        """The label of each sequence."""
        return labels(data)

    def strata(self, answers: Array) -> Array:
        """The number of each class."""
        numbers: Array = np.unique(answers, return_inverse=True)[1]
        return numbers

    def described(self, answers: Array) -> str:
        """How often each class is there."""
        return counted(answers)

    def score(self, model: Any, found: Array, truth: Array, learned: Array | None = None) -> str:
        """The accuracy."""
        return accuracy(found, truth, learned, "sequences")

    def draw(self, axes: Any, model: Any, truth: Array, found: Array, targets: Sequence[str]) -> None:
        """The confusion matrix."""
        draw_counts(axes, model.classes_, truth, found)

    def lines(self, model: Any, data: Sequences, found: Array) -> Lines:
        """The class of each sequence, and the probability of each class."""
        head = [first_column(data), "predicted", *(f"p({one})" for one in model.classes_)]
        rows = zip(data.names, found, model.predict_proba(data.x), strict=True)
        return [head, *([name, one, *(f"{p:.6g}" for p in row)] for name, one, row in rows)]

    def score_of_known(self, model: Any, data: Sequences, found: Array) -> str | None:
        """The accuracy on the sequences with a label."""
        cells = data.one_cell(data.layout.target[0])
        places, truth = known_labels([text for _, text in cells], model.classes_)
        if not len(places):
            return None
        lines = [data.table.lines[cells[place][0]] for place in places]
        return of_known(self.score(model, found[places], truth), truth, model.classes_.tolist(), lines)
