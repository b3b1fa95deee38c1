"""`SequenceKind`: estimators with answers to sequences: fitting, measuring and predicting a CSV file."""

from __future__ import annotations

import argparse
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ostinato.cli.kinds.fitted import FittedModel, fit_or_keep
from ostinato.cli.kinds.kind import FitKind, Lines, Prediction, check_data, check_one_target
from ostinato.cli.kinds.parameter_flags import add_parameter_flags, given
from ostinato.cli.reading.column_roles import tell_roles
from ostinato.cli.reading.layout_flags import add_layout_flags, layout_of
from ostinato.cli.reading.sequences import Layout, Sequences, read_sequences
from ostinato.cli.reading.table import Table, read_table
from ostinato.errors import ConfigError
from ostinato.models.base.held_out import split
from ostinato.sequences.arrays import Array


class SequenceKind(FitKind):
    """Estimators whose `fit` takes sequences and answers."""

    labels_steps: ClassVar[bool] = False
    """Whether there is an answer to each step, and a feature may be words."""
    has_several_targets: ClassVar[bool] = False

    # What a kind adds.

    @abstractmethod
    def answers(self, data: Sequences) -> Any:
        """The answers of a file, as `fit` of the estimator takes them. Raises FormatError, ConfigError."""

    def strata(self, answers: Any) -> Array | None:
        """Numbers (N,) from 0: sequences of one number have their share of those held out."""
        return None

    def described(self, answers: Any) -> str:
        """What the answers are, after what the sequences are."""
        return ""

    @abstractmethod
    def score(self, model: Any, found: Any, truth: Any, learned: Any = None) -> str:
        """How well answers are predicted. learned: those of training, whose best constant is to be beaten."""

    @abstractmethod
    def draw(self, axes: Any, model: Any, truth: Any, found: Any, targets: Sequence[str]) -> None:
        """Draws what was predicted, over the true answers. targets: the names of the answers."""

    @abstractmethod
    def lines(self, model: Any, data: Sequences, found: Any) -> Lines:
        """What `predict` returned, as lines of CSV."""

    def check_targets(self, options: argparse.Namespace, found: Any) -> None:
        """Raises ConfigError if `predict` names another number of columns of answers than were predicted."""

    @abstractmethod
    def score_of_known(self, model: Any, data: Sequences, found: Any) -> str | None:
        """The score on the sequences whose answer the file has; None without any."""

    # Fitting.

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """The flags of the data, of the split and of the parameters."""
        add_layout_flags(parser, required=True)
        parser.add_argument(
            "--held-out",
            type=float,
            default=0.2,
            metavar="SHARE",
            help="of the sequences: they measure the model, and do not train it; 0 for none (default: "
            "%(default)s)",
        )
        add_parameter_flags(parser.add_argument_group("parameters of the model"), self.estimator)

    def fit(self, options: argparse.Namespace) -> FittedModel:
        """Reads, fits and measures. Raises OstinatoError, OSError."""
        self._check(options)
        layout = layout_of(options)
        table = read_table(options.data, "sequences", layout.decimal)
        data = read_sequences(table, layout, may_be_words=self.labels_steps)
        tell_roles(options.data, data.roles)
        wanted = self.answers(data)
        print(f"{_described(data)}{self.described(wanted)}")
        training, held = self._split(options, data, wanted)
        make: Any = self.estimator
        model = make(random_state=options.seed, verbose=not options.quiet, **given(options))
        learned = _taken(wanted, training)
        fit_or_keep(model, data.take(training).x, learned)
        print(f"trained on {len(training)} sequences in {model.n_iter_} epochs")
        measured, what = (held, "held-out") if len(held) else (training, "training")
        found, truth = model.predict(data.take(measured).x), _taken(wanted, measured)
        print(f"{what} {self.score(model, found, truth, learned)}")

        def draw(figure: Any) -> None:
            figure.set_size_inches(9.0, 4.0)
            left, right = figure.subplots(1, 2)
            model.trainer_.history.plot(left)
            left.set(ylabel="loss", title="training")
            self.draw(right, model, truth, found, data.layout.target)
            right.set_title(f"{len(measured)} {what} sequences")

        return FittedModel(model, data.layout, draw)

    def _check(self, options: argparse.Namespace) -> None:
        """Raises ConfigError for flags that do not fit each other."""
        if not 0 <= options.held_out < 1:
            raise ConfigError(f"--held-out is {options.held_out:g}; expected a share from 0 to below 1")
        if not self.has_several_targets:
            check_one_target(options, f"a {self.name}")
        if self.labels_steps and options.id is None:
            raise ConfigError(
                f"--id is missing: a {self.name} labels steps; name the column of the sequence of a step"
            )

    def _split(self, options: argparse.Namespace, data: Sequences, wanted: Any) -> tuple[Array, Array]:
        """The places of the training sequences, and of those held out. Raises ConfigError."""
        count = len(data.x)
        if not options.held_out:
            return np.arange(count), np.zeros(0, np.int64)
        try:
            return split("fit", count, options.held_out, options.seed, self.strata(wanted))
        except ConfigError as error:
            raise ConfigError(
                f"{data.table.path}: {count} sequences are too few to hold out {options.held_out:g} of them; "
                "give more, or --held-out 0"
            ) from error

    # Predicting.

    def predict(self, options: argparse.Namespace, model: Any, fitted: Layout) -> Prediction:
        """A line for each sequence, or for each step. Raises OstinatoError, OSError."""
        check_data(options, model, "sequences")
        if not self.has_several_targets:
            check_one_target(options, f"a {self.name}")
        table = read_table(options.data, "sequences", options.decimal or fitted.decimal)
        data = read_sequences(table, layout_of_fit(options, fitted, table), self.labels_steps)
        found = model.predict(data.x)
        self.check_targets(options, found)
        score = self.score_of_known(model, data, found) if data.layout.target else None
        return Prediction(self.lines(model, data, found), score)


def first_column(data: Sequences) -> str:
    """The name of the column that names the sequences."""
    return "line" if data.layout.id is None else data.layout.id


def layout_of_fit(options: argparse.Namespace, fitted: Layout, table: Table) -> Layout:
    """The columns of the fit, but those that flags name. A target of the fit may be missing in the file."""
    flags = layout_of(options)
    target = flags.target or tuple(one for one in fitted.target if one in table.names)
    ignore = flags.ignore or tuple(one for one in fitted.ignore if one in table.names)
    return replace(
        fitted,
        target=target,
        id=fitted.id if flags.id is None else flags.id,
        time=fitted.time if flags.time is None else flags.time,
        ignore=ignore,
        date_format=flags.date_format or fitted.date_format,
    )


def _taken(wanted: Any, places: Array) -> Any:
    return [wanted[n] for n in places] if isinstance(wanted, list) else wanted[places]


def _several(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _described(data: Sequences) -> str:
    """What was read, in a line."""
    lengths = [len(one) for one in data.x]
    shape = f"{min(lengths)} to {max(lengths)}" if min(lengths) < max(lengths) else f"{lengths[0]}"
    if data.layout.words:
        what = _several("word", max(lengths))
    else:
        width = data.x[0].shape[1]
        what = f"{_several('step', max(lengths))} of {width} {_several('feature', width)}"
    return f"{len(lengths)} sequences of {shape} {what}"
