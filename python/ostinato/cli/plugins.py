"""Show the installed plugins, the names that they provide, the meaning of a name, and the hooks.

Plugins are imported by another process, so that this works even if they fail. `list` (the default) prints a
paragraph per plugin; `info NAME` prints all about one of them, with the traceback of a broken one; `why NAME`
prints the providers of a cell, a loss, ... and which one the bare name means; `hooks` prints all hooks and
their implementations.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from ostinato import _core
from ostinato.cli.plugin_names import why
from ostinato.errors import ConfigError
from ostinato.plugins.entry import Provider, ReportRow
from ostinato.plugins.hook_names import HOOKS
from ostinato.plugins.hookspecs import Hooks
from ostinato.plugins.lifecycle import LifecycleHooks
from ostinato.plugins.probe import SECONDS, probe
from ostinato.plugins.registry import registry
from ostinato.plugins.selection import STRICT, VARIABLE
from ostinato.suggest import did_you_mean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato plugins`."""
    parser.epilog = (
        f"{VARIABLE}=none | only:NAME,NAME | no:NAME,NAME disables plugins before they are imported; "
        f"{STRICT}=1 makes an error of a plugin that cannot be used."
    )
    add = parser.add_argument
    add("what", nargs="?", choices=["list", "info", "why", "hooks"], default="list", help="default: list")
    add("name", nargs="?", help="for info: a plugin; for why: a cell, a loss, ...")
    add("--json", action="store_true", help="print JSON")
    add(
        "--timeout",
        type=float,
        default=SECONDS,
        metavar="SECONDS",
        help="longest time for the import of one plugin (default: %(default)g)",
    )


def run(options: argparse.Namespace) -> None:
    """Prints the requested information, even if plugins are broken, hang or crash. Raises ConfigError."""
    if not options.timeout > 0:
        raise ConfigError(f"timeout is {options.timeout:g}; expected above 0")
    takes_name = options.what in ("info", "why")
    if takes_name != (options.name is not None):
        raise ConfigError(
            f"plugins {options.what} needs a name" if takes_name else f"plugins {options.what} takes no name"
        )
    rows = [registry.builtin_row(), *probe(options.timeout)]
    if options.what == "info":
        value, text = _info(rows, options.name)
    elif options.what == "why":
        value, text = why(rows, options.name)
    else:
        value, text = _hooks(rows) if options.what == "hooks" else _list(rows)
    print(json.dumps(value, indent=2) if options.json else text)


def _list(rows: list[ReportRow]) -> tuple[Any, str]:
    """All plugins."""
    lines = []
    for row in rows:
        lines.append(_headline(row))
        lines += [f"  {provided}" for provided in row.provides]
    return {"ostinato": _core.__version__, "plugins": [row.as_json() for row in rows]}, "\n".join(lines)


def _info(rows: list[ReportRow], name: str) -> tuple[Any, str]:
    """The plugins that are called `name`."""
    found = [row for row in rows if _provider(row).is_called(name)]
    if not found:
        known = [row.id for row in rows]
        raise ConfigError(f"there is no plugin {name!r}; {did_you_mean(name, known, 'plugins')}")
    lines = []
    for row in found:
        lines.append(_headline(row))
        lines += [f"  from     {row.path}"] if row.path else []
        lines += [f"  provides {provided}" for provided in row.provides]
        lines += [f"  hook     {hook}" for hook in row.hooks]
        lines += ["", row.traceback.rstrip()] if row.traceback else []
    return [row.as_json() for row in found], "\n".join(lines)


def _hooks(rows: list[ReportRow]) -> tuple[Any, str]:
    """Every hook, with its implementations."""
    records, lines = [], []
    for home in (Hooks, LifecycleHooks):
        for hook, function in vars(home).items():
            if hook not in HOOKS:
                continue
            doc = (function.__doc__ or "").strip().partition("\n")[0]
            by = [row.id for row in rows if row.status == "active" and hook in row.hooks]
            when = "registration" if home is Hooks else "run"
            records.append({"hook": hook, "when": when, "doc": doc, "implemented_by": by})
            lines.append(f"{hook} ({when}): {doc}" + "".join(f"\n  {one}" for one in by))
    return records, "\n".join(lines)


def _headline(row: ReportRow) -> str:
    return f"{row.id} {row.version}  {row.status}" + (f": {row.reason}" if row.reason else "")


def _provider(row: ReportRow) -> Provider:
    return Provider(row.id, row.id.partition(":")[0], row.version)
