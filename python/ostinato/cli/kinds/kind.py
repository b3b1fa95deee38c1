"""`Kind`: what `ostinato fit` and `ostinato predict` do with one kind of estimator."""

from __future__ import annotations

import argparse
import csv
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

from ostinato.cli.kinds.fitted import FittedModel
from ostinato.cli.reading.sequences import Layout
from ostinato.errors import ConfigError
from ostinato.models.base.model_file import ModelFile

Lines = list[list[Any]]
"""Lines of CSV, the names first."""


class Prediction(NamedTuple):
    """The lines of an output, and the score if the file has the answers."""

    lines: Lines
    score: str | None = None


class Kind(ABC):
    """A row of `table.KINDS`."""

    estimator: ClassVar[type[ModelFile]]

    @abstractmethod
    def predict(self, options: argparse.Namespace, model: Any, fitted: Layout) -> Prediction:
        """The predictions of a model. fitted: the columns of its fit. Raises OstinatoError, OSError."""


class FitKind(Kind):
    """A kind that `ostinato fit` has too."""

    name: ClassVar[str]
    """That of `ostinato fit NAME`."""
    unused: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Flags of every kind that this one refuses, "seed" or "quiet", and why."""

    @abstractmethod
    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Its flags, but those of every kind."""

    @abstractmethod
    def fit(self, options: argparse.Namespace) -> FittedModel:
        """Reads, fits and measures. Raises OstinatoError, OSError."""


def write(lines: Lines, path: str | None) -> None:
    """Writes CSV to a file, or to standard output. Raises OSError."""
    if path is None:
        csv.writer(sys.stdout).writerows(lines)
        return
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)


def check_data(options: argparse.Namespace, model: Any, what: str) -> None:
    """Raises ConfigError without a file, and for a horizon. what: is in the file, for errors."""
    if options.data is None:
        raise ConfigError(f"{options.model} holds a {type(model).__name__}; give a CSV file of {what} too")
    check_no_horizon(options, model)


def check_no_data(options: argparse.Namespace) -> None:
    """Raises ConfigError for flags of a file that is not given."""
    for flag in ("target", "id", "time", "ignore", "decimal", "date_format"):
        if getattr(options, flag) not in (None, []):
            name = flag.replace("_", "-")
            raise ConfigError(f"--{name} is given without a file of data; give both, or none")


def check_no_horizon(options: argparse.Namespace, model: Any) -> None:
    """Raises ConfigError for a horizon, which models of other things than series do not have."""
    if options.horizon is not None:
        raise ConfigError(
            f"--horizon is given, but {options.model} holds a {type(model).__name__}; omit --horizon"
        )


def check_one_target(options: argparse.Namespace, what: str) -> None:
    """Raises ConfigError for several columns of answers. what: predicts one."""
    if len(options.target) > 1:
        raise ConfigError(
            f"--target is given {len(options.target)} times; {what} predicts one column: give it once, and "
            "--ignore for the others"
        )
