"""Plugins: how names come in. Built-ins and other people's packages use the same hooks.

- `hookspecs.py`, `lifecycle.py`: what a package can provide, and what it can hear of a run; `hook_names.py`;
- `index.py` reads what is installed, `selection.py` what the user wants of it, `version.py` whether it fits;
- `loader.py` imports it, `registry.py` holds the names, `run_hooks.py` the plugins of one run;
- `choice.py` makes what an argument stands for: a name, a class or an instance.

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
    """What became of each plugin: id, version, status, reason, what it provides, its hooks, path, traceback.

    status: "active"; "disabled" by OSTINATO_PLUGINS; "incompatible" with this release; "broken"; "conflict",
    when one package gives one name twice.
    """
    return registry.report()


def override(kind: str, name: str, full: str | None) -> None:
    """Makes the bare `name` mean `full` ("namespace/name") for this process; None ends it.

    `ost.plugins.override("cell", "lstm", "acme/lstm")`: what is then made by the name "lstm" is acme's, and
    says so in its repr and in model files. Classes such as `ost.LSTM` stay what they are. Raises ConfigError,
    UnknownName.
    """
    registry.override(kind, name, full)


def overrides() -> dict[tuple[str, str], str]:
    """The overrides of this process: (kind, bare name) -> full name."""
    return registry.overrides()
