"""Names of cells, scorers, regularizers, losses, ... (`ostinato.specs.SPECS`), and what they stand for.

A full name is `namespace/name`. A bare name means the built-in; else the only provider; else it is an error
that lists all of them. Nothing is shadowed and the last does not win.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar, overload

from ostinato import _core
from ostinato.errors import ConfigError, PluginError
from ostinato.options import Configured
from ostinato.plugins.entry import BUILTIN, LOCAL, Entry, Provider, ReportRow
from ostinato.specs import SPECS, Spec
from ostinato.suggest import did_you_mean


class UnknownName(ConfigError):
    """No built-in and no plugin provides the name."""


class AmbiguousName(ConfigError):
    """Several plugins provide the bare name; the message lists their full names."""


class Registry:
    """All names of this process.

    Built-ins are there at the first look-up, plugins at the first unknown name.
    """

    def __init__(
        self, discover: Callable[[], list[tuple[Provider, Callable[[], Any]]]] | None = None
    ) -> None:
        """`discover` finds plugins; None means those that are installed."""
        self._discover = discover
        self._entries: list[Entry] = []
        self._rows: list[ReportRow] = []
        self._have_builtins = False
        self._have_plugins = False
        # Re-entrant: a plugin that is being imported may look up a name.
        self._lock = threading.RLock()

    def resolve(self, kind: str, name: str) -> Entry:
        """The entry of a bare or full name. Raises UnknownName or AmbiguousName."""
        with self._lock:
            self._load_builtins()
            for entry in self._entries:
                if (
                    entry.kind == kind
                    and entry.provider.id == BUILTIN
                    and name in (entry.spec.name, entry.full)
                ):
                    return entry
            self._load_plugins()
            found = [one for one in self._entries if one.kind == kind and name in (one.spec.name, one.full)]
            if len(found) == 1:
                return found[0]
            if found:
                choices = ", ".join(sorted(f"{one.full} ({one.provider.id})" for one in found))
                raise AmbiguousName(f"{kind} {name!r} has several providers: {choices}; give the full name")
            raise UnknownName(
                f"there is no {kind} {name!r}; {did_you_mean(name, self.names(kind))}{self._suspects()}"
            )

    def names(self, kind: str | None = None) -> list[str]:
        """All names of a kind, or of every kind: bare for built-ins, full for the rest."""
        with self._lock:
            self._load_builtins()
            self._load_plugins()
            return sorted(entry.shown for entry in self._entries if kind in (None, entry.kind))

    def entries(self) -> list[Entry]:
        """Everything that has a name, built-ins first."""
        with self._lock:
            self._load_builtins()
            self._load_plugins()
            return list(self._entries)

    def report(self) -> list[ReportRow]:
        """A row for the built-ins and one for each plugin that is installed, broken ones too."""
        with self._lock:
            self._load_builtins()
            self._load_plugins()
            return list(self._rows)

    def register(self, spec: Spec) -> None:
        """Adds a descriptor for this process; registering the name again replaces it. Raises ConfigError."""
        kind = spec.kind
        with self._lock:
            self._load_builtins()
            for entry in self._entries:
                if entry.kind == kind and entry.spec.name == spec.name and entry.provider.id == BUILTIN:
                    raise ConfigError(f"{kind} {spec.name!r} is built in; give yours another name")
            local = Provider(LOCAL, LOCAL, "")
            self._entries = [
                entry
                for entry in self._entries
                if (entry.kind, entry.spec.name, entry.provider) != (kind, spec.name, local)
            ]
            self._entries.append(Entry(kind, spec, local))

    def _load_builtins(self) -> None:
        if self._have_builtins:
            return
        self._have_builtins = True
        from ostinato.plugins.loader import load

        provider = Provider(BUILTIN, "ostinato", _core.__version__)
        entries, row = load(provider, lambda: importlib.import_module("ostinato.builtin"))
        if row.status != "active":
            self._have_builtins = False
            raise PluginError(f"the built-ins could not be loaded: {row.reason}")
        self._entries[:0] = entries
        self._rows.insert(0, row)

    def _load_plugins(self) -> None:
        if self._have_plugins:
            return
        self._have_plugins = True
        from ostinato.plugins.loader import discover, load, warn_of

        rows = []
        for provider, get in (self._discover or discover)():
            entries, row = load(provider, get)
            self._entries.extend(entries)
            rows.append(row)
        self._rows.extend(rows)
        warn_of(rows)

    def _suspects(self) -> str:
        broken = [row.id for row in self._rows if row.status == "broken"]
        return f"; not loaded: {', '.join(broken)} (see ostinato.plugins.report())" if broken else ""


registry: Final = Registry()
"""The names of this process."""


Made = TypeVar("Made", bound=Configured)


@overload
def register(item: type[Made]) -> type[Made]: ...


@overload
def register(item: Spec) -> Spec: ...


def register(item: Any) -> Any:
    """Gives a cell, a regularizer, a loss, ... a name for this process, without packaging it.

    item: a subclass of Cell, Regularizer, Loss, Optimizer, ... (its `name` is used; works as a decorator) or
    a descriptor such as CellSpec("mine", Mine). Returns it. Registering again replaces it. Raises ConfigError
    for anything else, and for the name of a built-in.
    """
    if isinstance(item, type) and issubclass(item, Configured) and item.kind in SPECS:
        registry.register(SPECS[item.kind].of(item))
    elif isinstance(item, Spec) and SPECS.get(getattr(item, "kind", "")) is type(item):
        registry.register(item)
    else:
        raise ConfigError(
            f"register got {item!r}; expected a subclass of Cell, Regularizer, Loss, ..., "
            "or a descriptor such as CellSpec(name, cls)"
        )
    return item
