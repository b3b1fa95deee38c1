"""Run the conformance kit on a cell, a loss, ..."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

from ostinato.cli.plugin_files import add_flag
from ostinato.errors import ConfigError
from ostinato.plugins.file import add_to_path, load_file
from ostinato.testing import KINDS, check, render


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato check`."""
    parser.add_argument("what", help="a name, such as acme/mine; MODULE:CLASS; or a Python file")
    parser.add_argument("--kind", choices=list(KINDS), help="where several kinds have the name")
    parser.add_argument(
        "--level", choices=["quick", "standard", "thorough"], default="standard", help="default: %(default)s"
    )
    parser.add_argument(
        "--expect",
        action="append",
        default=[],
        metavar="CHECK=REASON",
        help="a check that fails by design; a class declares it in expected_failures",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--verbose", action="store_true", help="name the checks that passed too")
    add_flag(parser)


def run(options: argparse.Namespace) -> int:
    """Prints a report for each item, and returns 1 if one fails. Raises ConfigError, PluginError."""
    expected = dict(map(_expected, options.expect))
    reports = [
        check(item, options.level, kind=kind, expected_failures=expected)
        for item, kind in _items(options.what, options.kind)
    ]
    if options.json:
        print(json.dumps([report.to_json() for report in reports], indent=2))
    else:
        print("\n".join(render(report, verbose=options.verbose) for report in reports))
    return 0 if all(report.ok for report in reports) else 1


def _expected(given: str) -> tuple[str, str]:
    """A check and its reason. Raises ConfigError for anything else than CHECK=REASON."""
    check_id, _, reason = given.partition("=")
    if not check_id or not reason:
        raise ConfigError(f"--expect is {given!r}; expected CHECK=REASON, as in 'gradients=they are stopped'")
    return check_id, reason


def _items(what: str, kind: str | None) -> list[tuple[Any, str | None]]:
    """The items to check, with their kind if it is known."""
    if what.endswith(".py"):
        found = [provided.partition(" ") for provided in load_file(Path(what)).provides]
        items: list[tuple[Any, str | None]] = [
            (name, one) for one, _, name in found if one in KINDS and kind in (None, one)
        ]
        if not items:
            raise ConfigError(f"{what} has nothing to check; the kit knows {', '.join(KINDS)}")
        return items
    if ":" not in what:
        return [(what, kind)]
    module, _, name = what.partition(":")
    add_to_path(Path.cwd())
    try:
        return [(getattr(importlib.import_module(module), name), kind)]
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{what!r} cannot be imported: {error}; expected a name, MODULE:CLASS or a file"
        ) from error
