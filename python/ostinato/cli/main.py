"""Arguments in, exit code out: 0 done, 1 an error that was told, 2 wrong usage, 130 interrupted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ostinato import _core
from ostinato.cli import explain, info, plugins, sample, train
from ostinato.errors import OstinatoError

COMMANDS = (train, sample, explain, info, plugins)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that `arguments` (default: those of the process) name, and returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (OstinatoError, OSError) as error:
        print(f"ostinato {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ostinato",
        description="Write one step. Ostinato repeats it through time: forwards, backwards, fast.",
    )
    parser.add_argument("--version", action="version", version=f"ostinato {_core.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        title = (command.__doc__ or "").partition("\n")[0]
        sub = commands.add_parser(name, help=title, description=title)
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser
