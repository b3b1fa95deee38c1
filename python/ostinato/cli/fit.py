"""Fit a model to the sequences or series in a CSV file, measure it on data held out, and save it."""

from __future__ import annotations

import argparse
from pathlib import Path

from ostinato import checks
from ostinato.cli import saved
from ostinato.cli.kinds.kind import FitKind
from ostinato.cli.kinds.table import FITTED
from ostinato.cli.picture import new_figure
from ostinato.cli.plugin_files import add_flag
from ostinato.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A command for each kind of model, with a flag for each parameter of its estimator."""
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for name, kind in FITTED.items():
        help_text = (kind.estimator.__doc__ or "").partition("\n")[0].partition(":")[0]
        sub = kinds.add_parser(name, help=help_text, description=help_text)
        add = sub.add_argument
        add("--save", metavar="FILE", help="the model file to write, such as model.safetensors")
        add("--plot", metavar="FILE", help="a picture of the fit to write, such as fit.png")
        _add_seed_and_quiet(sub, kind)
        add_flag(sub)
        kind.add_arguments(sub)


def _add_seed_and_quiet(parser: argparse.ArgumentParser, kind: FitKind) -> None:
    """A kind that uses neither has the flags too, without a default: `_check_unused` refuses them."""
    seed, quiet = (one not in kind.unused for one in ("seed", "quiet"))
    help_text = "of the parameters and of the split (default: %(default)s)" if seed else argparse.SUPPRESS
    parser.add_argument("--seed", type=int, default=0 if seed else None, help=help_text)
    help_text = "no line for each epoch" if quiet else argparse.SUPPRESS
    parser.add_argument("--quiet", action="store_true", default=False if quiet else None, help=help_text)


def _check_unused(options: argparse.Namespace, kind: FitKind) -> None:
    """Raises ConfigError for a flag that the kind does not use."""
    for flag, reason in kind.unused.items():
        if getattr(options, flag) is not None:
            raise ConfigError(f"--{flag} is given, but in a fit of a {kind.name} {reason}; omit --{flag}")


def run(options: argparse.Namespace) -> None:
    """Reads, fits, measures, saves, draws. Raises OstinatoError, OSError.

    Ctrl-C ends the training early; the best model so far is measured and saved.
    """
    kind = FITTED[options.kind]
    _check_unused(options, kind)
    figure = None if options.plot is None else new_figure(options.plot)
    if options.save is not None:
        checks.path_to_write("--save", options.save)
    if options.seed is not None:
        checks.whole("fit", "--seed", options.seed, at_least=0)
    fitted = kind.fit(options)
    if options.save is not None:
        saved.save(fitted.model, fitted.layout, options.save)
        print(f"wrote {options.save} ({Path(options.save).stat().st_size / 1e6:.2f} MB)")
    if figure is not None:
        fitted.draw(figure)
        figure.savefig(options.plot)
        print(f"wrote {options.plot}")
