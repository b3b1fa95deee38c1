"""Plugins: how names are provided. Built-ins and other packages use the same hooks.

- `hookspecs.py`, `lifecycle.py`: the hooks for providing names, and the hooks of a run; `hook_names.py`;
- `index.py` reads what is installed, `selection.py` the user's selection, `version.py` compatibility;
- `loader.py` imports it, `registry.py` holds the names, `run_hooks.py` the plugins of one run;
- `choice.py` resolves an argument: a name, a class or an instance.

No plugin is imported before a look-up of a name that is not built in.
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
    "override",
    "overrides",
    "register",
    "report",
]


def list(kind: str | None = None) -> builtins.list[str]:
    """All names, or those of a kind (a key of `ostinato.specs.SPECS`: "cell", "loss", "schedule", ...).

    The names of built-ins are bare, the others full. Raises ConfigError for an unknown kind.
    """
    return registry.names(kind)


def report() -> builtins.list[ReportRow]:
    """The state of each plugin: id, version, status, reason, what it provides, its hooks, path, traceback.

    status: "active"; "disabled" by OSTINATO_PLUGINS; "incompatible" with this release; "broken"; "conflict",
    if one package provides one name twice.
    """
    return registry.report()


def override(kind: str, name: str, full: str | None) -> None:
    """Makes the bare `name` mean `full` ("namespace/name") for this process; None ends it.

    After `ost.plugins.override("cell", "lstm", "acme/lstm")`, the name "lstm" makes acme's cell, and its repr
    and model files say so. Classes such as `ost.LSTM` are unchanged. Raises ConfigError, UnknownName.
    """
    registry.override(kind, name, full)


def overrides() -> dict[tuple[str, str], str]:
    """The overrides of this process: (kind, bare name) -> full name."""
    return registry.overrides()
