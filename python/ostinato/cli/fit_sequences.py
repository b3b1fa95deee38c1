"""`ostinato fit classifier`, `regressor` and `tagger`: fits sequences, and measures those held out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import ostinato
from ostinato.cli import answers
from ostinato.cli.column_roles import tell_roles
from ostinato.cli.fit_picture import draw_fit
from ostinato.cli.fitted import FittedModel, fit_or_keep
from ostinato.cli.layout_flags import add_layout_flags, layout_of
from ostinato.cli.parameter_flags import add_parameter_flags, given
from ostinato.cli.scores import score_text
from ostinato.cli.sequences import Sequences, read_sequences
from ostinato.cli.table import read_table
from ostinato.errors import ConfigError
from ostinato.models.base.held_out import split
from ostinato.sequences.arrays import Array


@dataclass(frozen=True)
class Kind:
    """A kind of model. answers: of the sequences, as the `fit` of the estimator takes them."""

    estimator: Any
    answers: Callable[[Sequences], Any]


KINDS: Final = {
    "classifier": Kind(ostinato.SequenceClassifier, answers.labels),
    "regressor": Kind(ostinato.SequenceRegressor, answers.numbers),
    "tagger": Kind(ostinato.SequenceTagger, answers.step_labels),
}


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """The flags of one kind, but those of every kind."""
    add_layout_flags(parser, required=True)
    parser.add_argument(
        "--held-out",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="of the sequences: they measure the model, and do not train it; 0 for none (default: "
        "%(default)s)",
    )
    add_parameter_flags(parser.add_argument_group("parameters of the model"), KINDS[name].estimator)


def fit(options: argparse.Namespace) -> FittedModel:
    """Reads, fits and measures. Raises OstinatoError, OSError."""
    _check(options)
    kind = KINDS[options.kind]
    layout = layout_of(options)
    table = read_table(options.data, "sequences", layout.decimal)
    data = read_sequences(table, layout, may_be_words=options.kind == "tagger")
    tell_roles(options.data, data.roles)
    wanted = kind.answers(data)
    print(_described(data, wanted, options.kind))
    training, held = _split(options, data, wanted)
    model = kind.estimator(random_state=options.seed, verbose=not options.quiet, **given(options))
    learned = _taken(wanted, training)
    fit_or_keep(model, data.take(training).x, learned)
    print(f"trained on {len(training)} sequences in {model.n_iter_} epochs")
    measured, what = (held, "held-out") if len(held) else (training, "training")
    found, truth = model.predict(data.take(measured).x), _taken(wanted, measured)
    print(f"{what} {score_text(model, found, truth, learned)}")
    title = f"{len(measured)} {what} sequences"
    return FittedModel(
        model, data.layout, lambda figure: draw_fit(figure, model, truth, found, title, data.layout.target)
    )


def _check(options: argparse.Namespace) -> None:
    """Raises ConfigError for flags that do not fit each other."""
    if not 0 <= options.held_out < 1:
        raise ConfigError(f"--held-out is {options.held_out:g}; expected a share from 0 to below 1")
    if options.kind != "regressor" and len(options.target) > 1:
        raise ConfigError(
            f"--target is given {len(options.target)} times; a {options.kind} predicts one column"
        )
    if options.kind == "tagger" and options.id is None:
        raise ConfigError("--id is missing: a tagger labels steps; name the column of the sequence of a step")


def _split(options: argparse.Namespace, data: Sequences, wanted: Any) -> tuple[Array, Array]:
    """The places of the training sequences, and of those held out. Raises ConfigError."""
    count = len(data.x)
    if not options.held_out:
        return np.arange(count), np.zeros(0, np.int64)
    classes = np.unique(wanted, return_inverse=True)[1] if options.kind == "classifier" else None
    try:
        return split("fit", count, options.held_out, options.seed, classes)
    except ConfigError as error:
        raise ConfigError(
            f"{data.table.path}: {count} sequences are too few to hold out {options.held_out:g} of them; "
            "give more, or --held-out 0"
        ) from error


def _taken(wanted: Any, places: Array) -> Any:
    return [wanted[n] for n in places] if isinstance(wanted, list) else wanted[places]


def _several(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _described(data: Sequences, wanted: Any, kind: str) -> str:
    """What was read, in a line."""
    lengths = [len(one) for one in data.x]
    shape = f"{min(lengths)} to {max(lengths)}" if min(lengths) < max(lengths) else f"{lengths[0]}"
    if data.layout.words:
        what = _several("word", max(lengths))
    else:
        width = data.x[0].shape[1]
        what = f"{_several('step', max(lengths))} of {width} {_several('feature', width)}"
    text = f"{len(lengths)} sequences of {shape} {what}"
    if kind == "regressor":
        return text
    names, counts = np.unique(wanted if kind == "classifier" else np.concatenate(wanted), return_counts=True)
    shown = ", ".join(f"{name} ({n})" for name, n in zip(names[:8], counts, strict=False))
    return f"{text}; {len(names)} classes: {shown}{', ...' if len(names) > 8 else ''}"
