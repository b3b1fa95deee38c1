"""`ostinato fit regressor`: numbers for each sequence."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from ostinato.cli.kinds.kind import Lines
from ostinato.cli.kinds.sequences import SequenceKind, first_column
from ostinato.cli.reading.answers import numbers
from ostinato.cli.reading.sequences import Sequences
from ostinato.cli.reading.table import is_missing
from ostinato.errors import ConfigError
from ostinato.models import SequenceRegressor
from ostinato.models.reading.numbers import determination
from ostinato.sequences.arrays import Array


class RegressorKind(SequenceKind):
    """`SequenceRegressor`."""

    estimator, name, has_several_targets = SequenceRegressor, "regressor", True

    def answers(self, data: Sequences) -> Array:
        """The numbers of each sequence."""
        return numbers(data)

    def score(self, model: Any, found: Array, truth: Array, learned: Array | None = None) -> str:
        """R^2 and the mean absolute error."""
        error = np.abs(found - truth).mean()
        share = determination(found, truth, None)
        text = f"R^2 {share:.3f}, mean absolute error {error:.4g} ({len(truth)} sequences)"
        if learned is None:
            return text
        return f"{text}; the mean of training for all: {np.abs(learned.mean(axis=0) - truth).mean():.4g}"

    def draw(self, axes: Any, model: Any, truth: Array, found: Array, targets: Sequence[str]) -> None:
        """Predicted over true numbers; each column of several gets its own color."""
        columns = (one.reshape(len(one), -1).T for one in (truth, found))
        for name, true, predicted in zip(targets, *columns, strict=True):
            axes.plot(true, predicted, ".", label=name)
        axes.legend(frameon=False)
        low, high = float(np.min(truth)), float(np.max(truth))
        axes.plot([low, high], [low, high], color="black", linewidth=0.8)
        axes.set(xlabel="true", ylabel="predicted")

    def lines(self, model: Any, data: Sequences, found: Array) -> Lines:
        """The numbers of each sequence."""
        columns = found.reshape(len(found), -1)
        names = data.layout.target if len(data.layout.target) == columns.shape[1] > 1 else ()
        several = [f"predicted {one}" for one in names or range(1, columns.shape[1] + 1)]
        head = [first_column(data), *(["predicted"] if columns.shape[1] == 1 else several)]
        rows = zip(data.names, columns, strict=True)
        return [head, *([name, *(f"{one:.6g}" for one in row)] for name, row in rows)]

    def check_targets(self, options: argparse.Namespace, found: Array) -> None:
        """As many columns as the model predicts, or none."""
        given, wanted = len(options.target), found[:1].size
        if given not in (0, wanted):
            raise ConfigError(
                f"--target is given {given} time{'s' * (given > 1)}, but {options.model} predicts {wanted} "
                f"column{'s' * (wanted > 1)}; name each of them, or none"
            )

    def score_of_known(self, model: Any, data: Sequences, found: Array) -> str | None:
        """The score on the sequences with all numbers; None if the file lacks a column of the fit."""
        if len(data.layout.target) != found[:1].size:
            return None
        cells = [data.one_cell(one) for one in data.layout.target]
        known = [not any(is_missing(text) for _, text in row) for row in zip(*cells, strict=True)]
        places = np.flatnonzero(known)
        return self.score(model, found[places], numbers(data.take(places))) if len(places) else None
