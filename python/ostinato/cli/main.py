"""Reads the arguments and returns the exit code.

Exit codes: 0 is success, 1 a reported error, 2 wrong usage, 130 an interrupt, 141 a closed output.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from ostinato import _core
from ostinato.cli import builtin
from ostinato.cli.paths import check_paths
from ostinato.cli.plugin_files import load_files
from ostinato.errors import OstinatoError, PluginError, described
from ostinato.plugins.entry import BUILTIN, Entry
from ostinato.plugins.registry import AmbiguousName, UnknownName, registry


class _Parser(argparse.ArgumentParser):
    """Reads whole flags alone: an abbreviation could be another flag in a later release.

    The parsers of commands are of this class too.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **{"allow_abbrev": False, **options})


class _Usage(OstinatoError):
    """The arguments do not name a command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that `arguments` (default: those of the process) name, and returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    registry.add_builtins(builtin)
    command = next((one for one in given if not one.startswith("-")), None)
    before = warnings.formatwarning
    warnings.formatwarning = _warning
    try:
        return _finish(_run(given, command))
    except BrokenPipeError:
        # The reader has closed the output, as `head` does. The rest of the buffer has no reader either, and
        # must not be an error when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except _Usage as error:
        return _print_error(None, error, 2)
    except (OstinatoError, OSError) as error:
        return _print_error(command, error, 1)
    except KeyboardInterrupt as error:
        if str(error):
            print(f"interrupted {error}", file=sys.stderr)
        return 130
    finally:
        warnings.formatwarning = before


def _warning(message: Warning | str, *_: Any, **__: Any) -> str:
    """A warning in a line, without the line of the source that it comes from."""
    return f"warning: {message}\n"


def _run(given: list[str], command: str | None) -> int:
    entries = registry.builtins("command")
    own = {entry.spec.name for entry in entries}
    if command is not None and command not in own:
        try:
            entries = [*entries, registry.resolve("command", command)]
        except (UnknownName, AmbiguousName) as error:
            raise _Usage(str(error)) from error
    parser = _Parser(
        prog="ostinato",
        description="Write one step. Ostinato repeats it through time: forwards, backwards, fast.",
    )
    parser.add_argument("--version", action="version", version=f"ostinato {_core.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for entry in entries:
        # A plugin's command has the name that the user typed, which may be the full name.
        name = entry.spec.name if entry.provider.id == BUILTIN else command or entry.full
        sub = commands.add_parser(name, help=entry.spec.doc, description=entry.spec.doc)
        run = entry.make(sub)
        if not callable(run):
            raise _failed(entry, f"its factory returns {run!r}; expected the function that runs it")
        sub.set_defaults(run=run, entry=entry, parser=sub)
    options, unknown = parser.parse_known_args(given)
    if unknown:  # argparse itself would print the usage of `ostinato`
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.entry.provider.id == BUILTIN:
        check_paths(options)
    load_files(options)
    try:
        return options.run(options) or 0
    except (OstinatoError, OSError):
        raise
    except Exception as error:
        if options.entry.provider.id == BUILTIN:
            raise
        raise _failed(options.entry, described(error)) from error


def _failed(entry: Entry, what: str) -> PluginError:
    provider = entry.provider
    return PluginError(
        f"command {entry.full!r} of {provider.distribution} {provider.version} failed: {what}",
        plugin=provider.id,
    )


def _finish(code: int) -> int:
    # Detects a closed output here, not when Python exits.
    sys.stdout.flush()
    return code


def _print_error(command: str | None, error: Exception, code: int) -> int:
    message = _of_system(error) if isinstance(error, OSError) else str(error)
    print(f"ostinato{f' {command}' if command else ''}: {message}", file=sys.stderr)
    return code


def _of_system(error: OSError) -> str:
    """An error of the operating system in the words of the other errors."""
    if error.filename is None or error.strerror is None:
        return str(error)
    if isinstance(error, IsADirectoryError):
        return f"{error.filename}: this is a folder; expected the name of a file"
    if isinstance(error, FileNotFoundError):
        return f"{error.filename}: there is no such file, seen from {_folder()}"
    return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"


def _folder() -> str:
    """The folder in which the program runs."""
    try:
        return f"the folder {os.getcwd()}"
    except OSError:
        return "a folder that was removed"
