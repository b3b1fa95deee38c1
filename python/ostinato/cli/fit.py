"""Fit a model to the sequences in a CSV file, measure it on sequences held out, and save it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import ostinato
from ostinato.cli import answers, saved
from ostinato.cli.fit_picture import draw_fit
from ostinato.cli.layout_flags import add_layout_flags, layout_of
from ostinato.cli.parameter_flags import add_parameter_flags, given
from ostinato.cli.picture import check_folder, new_figure
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.scores import score_text
from ostinato.cli.sequences import Sequences, read_sequences
from ostinato.cli.table import read_table
from ostinato.errors import ConfigError
from ostinato.models.held_out import split
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A command for each kind of model, with a flag for each parameter of its estimator."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for name, kind in KINDS.items():
        told = kind.estimator.__doc__.partition("\n")[0].partition(":")[0]
        sub = kinds.add_parser(name, help=told, description=told)
        add_layout_flags(sub, required=True)
        add = sub.add_argument
        add(
            "--held-out",
            type=float,
            default=0.2,
            metavar="SHARE",
            help="of the sequences: they measure the model, and do not train it; 0 for none (default: "
            "%(default)s)",
        )
        add("--save", metavar="FILE", help="the model file to write, such as model.safetensors")
        add("--plot", metavar="FILE", help="a picture of the fit to write, such as fit.png")
        add("--seed", type=int, default=0, help="of the parameters and of the split (default: %(default)s)")
        add("--quiet", action="store_true", help="no line for each epoch")
        add_flag(sub)
        add_parameter_flags(sub.add_argument_group("parameters of the model"), kind.estimator)


def run(options: argparse.Namespace) -> None:
    """Reads, fits, measures, saves, draws. Raises OstinatoError, OSError.

    Ctrl-C ends the training early; the best model so far is measured and saved.
    """
    figure = None if options.plot is None else new_figure(options.plot)
    if options.save is not None:
        check_folder("--save", options.save)
    _check(options)
    kind = KINDS[options.kind]
    layout = layout_of(options)
    data = read_sequences(read_table(options.data, "sequences"), layout, options.kind == "tagger")
    wanted = kind.answers(data)
    print(_described(data, wanted, options.kind))
    training, held = _split(options, data, wanted)
    model = kind.estimator(random_state=options.seed, verbose=not options.quiet, **given(options))
    try:
        model.fit(data.take(training).x, _taken(wanted, training))
    except KeyboardInterrupt:
        if not model.__sklearn_is_fitted__():
            raise
        print("interrupted: the best model so far is kept", file=sys.stderr)
    print(f"trained on {len(training)} sequences in {model.n_iter_} epochs")
    measured = held if len(held) else training
    found, truth = model.predict(data.take(measured).x), _taken(wanted, measured)
    what = "held-out" if len(held) else "training"
    learned = _taken(wanted, training)
    print(f"{what} {score_text(model, found, truth, learned)}")
    if options.save is not None:
        saved.save(model, data.layout, options.save)
        print(f"wrote {options.save} ({Path(options.save).stat().st_size / 1e6:.2f} MB)")
    if figure is not None:
        title = f"{len(measured)} {what} sequences"
        draw_fit(figure, model, truth, found, title, data.layout.target)
        figure.savefig(options.plot)
        print(f"wrote {options.plot}")


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


def _described(data: Sequences, wanted: Any, kind: str) -> str:
    """What was read, in a line."""
    lengths = [len(one) for one in data.x]
    shape = f"{min(lengths)} to {max(lengths)}" if min(lengths) < max(lengths) else f"{lengths[0]}"
    if data.layout.words:
        what = "words"
    else:
        width = data.x[0].shape[1]
        what = f"steps of {width} feature{'s' if width > 1 else ''}"
    text = f"{len(lengths)} sequences of {shape} {what}"
    if kind == "regressor":
        return text
    names, counts = np.unique(wanted if kind == "classifier" else np.concatenate(wanted), return_counts=True)
    shown = ", ".join(f"{name} ({n})" for name, n in zip(names[:8], counts, strict=False))
    return f"{text}; {len(names)} classes: {shown}{', ...' if len(names) > 8 else ''}"
