"""Plugins: how names come in. Built-ins and other people's packages use the same hooks.

`hookspecs.py` says what a package can provide, `loader.py` imports it, `registry.py` holds the names.
Nothing is imported before a name is asked for that the built-ins do not have.
"""

from __future__ import annotations

import builtins

from ostinato.plugins.entry import Entry, Provider, ReportRow
from ostinato.plugins.registry import AmbiguousName, Registry, UnknownName, register, registry

__all__ = [
    "AmbiguousName",
    "Entry",
    "Provider",
    "Registry",
    "ReportRow",
    "UnknownName",
    "list",
    "register",
    "report",
]


def list(kind: str | None = None) -> builtins.list[str]:
    """All names, or those of a kind (a key of `ostinato.specs.SPECS`: "cell", "loss", "schedule", ...).

    The names of built-ins are bare, the others full.
    """
    return registry.names(kind)


def report() -> builtins.list[ReportRow]:
    """What became of each plugin: id, version, status ("active" or "broken"), reason, what it provides."""
    return registry.report()
