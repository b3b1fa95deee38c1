"""`ostinato fit tagger`: a label for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ostinato.cli.kinds.kind import Lines
from ostinato.cli.kinds.labels import accuracy, counted, draw_counts, of_known
from ostinato.cli.kinds.sequences import SequenceKind, first_column
from ostinato.cli.reading.answers import known_labels, step_labels
from ostinato.cli.reading.sequences import Sequences
from ostinato.models import SequenceTagger
from ostinato.sequences.arrays import Array


class TaggerKind(SequenceKind):
    """`SequenceTagger`."""

    estimator, name, labels_steps = SequenceTagger, "tagger", True

    def answers(self, data: Sequences) -> list[Array]:
        """The labels of the steps."""
        return step_labels(data)

    def described(self, answers: list[Array]) -> str:
        """How often each class is there."""
        return counted(np.concatenate(answers))

    def score(
        self, model: Any, found: list[Array], truth: list[Array], learned: list[Array] | None = None
    ) -> str:
        """The accuracy over all steps."""
        known = None if learned is None else np.concatenate(learned)
        return accuracy(np.concatenate(found), np.concatenate(truth), known, "steps")

    def draw(
        self, axes: Any, model: Any, truth: list[Array], found: list[Array], targets: Sequence[str]
    ) -> None:
        """The confusion matrix of all steps."""
        draw_counts(axes, model.classes_, np.concatenate(truth), np.concatenate(found))

    def lines(self, model: Any, data: Sequences, found: list[Array]) -> Lines:
        """The label of each step."""
        time = data.layout.time
        times = data.cells(time) if time is not None else [range(1, len(one) + 1) for one in found]
        lines: Lines = [[first_column(data), "step" if time is None else time, "predicted"]]
        for name, when, row in zip(data.names, times, found, strict=True):
            lines += [[name, *one] for one in zip(when, row, strict=True)]
        return lines

    def score_of_known(self, model: Any, data: Sequences, found: list[Array]) -> str | None:
        """The accuracy on the steps with a label."""
        texts = [text for row in data.cells(data.layout.target[0]) for text in row]
        places, truth = known_labels(texts, model.classes_)
        if not len(places):
            return None
        text = self.score(model, [np.concatenate(found)[places]], [truth])
        lines = [data.table.lines[row] for rows in data.rows for row in rows]
        return of_known(text, truth, model.classes_.tolist(), [lines[place] for place in places])
