"""The files that a command reads and writes: each is another one, so that nothing given is overwritten."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ostinato.errors import ConfigError

READ: Final[Mapping[str, str]] = {
    "model": "the model",
    "data": "the data",
    "text": "--text",
    "plugin_files": "--plugin",
}
WRITTEN: Final[Mapping[str, str]] = {"save": "--save", "plot": "--plot", "output": "--output"}


class Named(NamedTuple):
    """A file, and what names it in errors."""

    what: str
    path: Path
    is_written: bool


def check_paths(options: argparse.Namespace) -> None:
    """Raises ConfigError if two paths that the flags of a command name are the same file."""
    check_distinct([*_named(options, READ, False), *_named(options, WRITTEN, True)])


def read_files(options: argparse.Namespace) -> list[Named]:
    """The files that the flags of a command name to be read."""
    return _named(options, READ, False)


def check_distinct(files: Iterable[Named]) -> None:
    """Raises ConfigError that names both if two are the same file, also through links and relative paths."""
    for one, other in itertools.combinations(files, 2):
        if one.what != other.what and _same(one.path, other.path):
            hint = f"expected another file for {other.what}" if other.is_written else "expected two files"
            raise ConfigError(f"{one.what} is {str(one.path)!r}, and {other.what} is the same file; {hint}")


def _named(options: argparse.Namespace, names: Mapping[str, str], is_written: bool) -> list[Named]:
    found = []
    for name, what in names.items():
        given = getattr(options, name, None)
        paths = given if isinstance(given, list) else [] if given is None else [given]
        found += [Named(what, Path(one), is_written) for one in paths]
    return found


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file, which may not exist yet; a device such as /dev/null is no file."""
    try:
        if one.exists() and other.exists():
            return one.is_file() and one.samefile(other)
        return one.resolve() == other.resolve()
    except (OSError, RuntimeError, ValueError):  # a path that the command itself reports
        return False
