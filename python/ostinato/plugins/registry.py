"""Names of cells, scorers, regularizers, losses, ... (`ostinato.specs.SPECS`), and their meaning.

A full name is `namespace/name`. A bare name means the built-in; otherwise the only provider; otherwise it is
an error that lists all of them. No name is shadowed, and the last registration does not win: the user can
change the meaning of a bare name with `override`.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from ostinato import _core, checks
from ostinato.errors import ConfigError, DTypeError, PluginError, shown
from ostinato.foreign.choices import CHOICES
from ostinato.options import Configured
from ostinato.plugins.choice import Choice, choose
from ostinato.plugins.entry import BUILTIN, LOCAL, Entry, Provider, ReportRow
from ostinato.plugins.selection import STRICT, is_strict, selection
from ostinato.signature import later
from ostinato.specs import SPECS, Spec
from ostinato.suggest import did_you_mean

if TYPE_CHECKING:
    from ostinato.plugins.index import Found
    from ostinato.plugins.loader import Loaded
else:
    Found, Loaded = later("ostinato.plugins.index", "Found"), later("ostinato.plugins.loader", "Loaded")


# By name, as layers stand above the registry; each is imported at the first name.
BUILTIN_MODULES: Final = ("ostinato.builtin", "ostinato.layers.hooks")

Made = TypeVar("Made")


class UnknownName(ConfigError):
    """No built-in and no plugin provides the name."""


class AmbiguousName(ConfigError):
    """Several plugins provide the bare name; the message lists their full names."""


class Registry:
    """All names of this process.

    Built-ins are loaded at the first look-up, plugins at the first unknown name.
    """

    def __init__(self, discover: Callable[[], list[Found]] | None = None) -> None:
        """`discover` finds plugins; None means the installed plugins."""
        self._discover = discover
        self._entries: list[Entry] = []
        self._rows: list[ReportRow] = []
        self._plugins: list[Loaded] = []
        self._overrides: dict[tuple[str, str], str] = {}
        self._builtin_modules: list[Any] = []
        self._have_builtins = False
        self._have_plugins = False
        # Re-entrant: a plugin that is being imported may look up a name.
        self._lock = threading.RLock()

    def resolve(self, kind: str, name: str, argument: str = "") -> Entry:
        """The entry of a bare or full name, for an `argument` that errors name.

        Raises UnknownName or AmbiguousName.
        """
        place = "" if argument in ("", kind) else f"{argument}: "
        check_names(kind, name)
        with self._lock:
            self._load_builtins()
            name = self._overrides.get((kind, name), name)
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
                choices = ", ".join(
                    sorted(f"{one.full} ({one.provider.id} {one.provider.version})" for one in found)
                )
                same = len({one.full for one in found}) == 1
                mend = "remove all but one of them" if same else "give the full name"
                raise AmbiguousName(f"{place}{kind} {shown(name)} has several providers: {choices}; {mend}")
            raise UnknownName(
                f"{place}there is no {kind} {shown(name)}; "
                f"{_foreign(kind, name)}{did_you_mean(name, self.names(kind))}{self.suspects()}"
            )

    def make(
        self,
        kind: str,
        given: Any,
        base: type[Made],
        options: Mapping[str, Any] | None = None,
        *,
        argument: str = "",
    ) -> Made:
        """The object for an argument that may be a name, a class or an instance; see `choose`."""
        return self.choose(kind, given, base, options, argument=argument).made

    def choose(
        self,
        kind: str,
        given: Any,
        base: type[Made],
        options: Mapping[str, Any] | None = None,
        *,
        argument: str = "",
        others: Sequence[str] = (),
    ) -> Choice[Made]:
        """Resolves an argument by the one rule of all kinds.

        A name is made by its factory, a subclass of `base` is called, an instance is returned as it is, and
        so is a function if the kind allows one. `options` go to the factory or the class; None means that the
        argument takes none. `argument` is its name in messages (by default the kind), `others` are options of
        the caller, for hints.

        Raises UnknownName, AmbiguousName; ConfigError for options that are unknown, missing, or given with an
        instance; DTypeError for anything but a name, a class or an instance; PluginError if a plugin fails.
        """
        return choose(self.resolve, kind, given, base, options, argument or kind, others)

    def override(self, kind: str, name: str, full: str | None) -> None:
        """From now on the bare `name` means `full`; None ends it. Raises ConfigError, UnknownName."""
        check_names(kind, name)
        with self._lock:
            if "/" in name:
                raise ConfigError(
                    f"name is {shown(name)}; expected a bare name: a full name cannot be overridden"
                )
            if full is None:
                self._overrides.pop((kind, name), None)
                return
            if not isinstance(full, str) or "/" not in full:
                raise ConfigError(f"full is {shown(full)}; expected namespace/name, as in acme/{name}")
            try:
                self.resolve(kind, full)
            except UnknownName as error:
                raise UnknownName(f"full is {shown(full)}: {error}") from None
            if not any(one.spec.name == name and one.kind == kind for one in self._entries):
                bare = sorted({one.spec.name for one in self._entries if one.kind == kind})
                raise UnknownName(f"name is {shown(name)}, which no {kind} has; {did_you_mean(name, bare)}")
            self._overrides[kind, name] = full

    def overrides(self) -> dict[tuple[str, str], str]:
        """(kind, bare name) -> full name, of every override."""
        return dict(self._overrides)

    def plugins(self, name: str, argument: str = "name") -> dict[str, Any]:
        """Id -> module or object of each active plugin called `name`: id, distribution or namespace.

        A run enables them for its lifecycle hooks. Raises UnknownName.
        """
        checks.text("plugins", argument, name)
        checks.text("plugins", "argument", argument)
        with self._lock:
            self._load_plugins()
            found = {
                one.provider.id: one.plugin
                for one in self._plugins
                if one.provider is not None and one.provider.is_called(name)
            }
            if not found:
                known = sorted({one.provider.namespace for one in self._plugins if one.provider})
                raise UnknownName(
                    f"{argument} is {shown(name)}, which no active plugin has; {did_you_mean(name, known)}"
                    f"{self.suspects()}"
                )
            return found

    def provider_of(self, made: type) -> Provider | None:
        """The installed plugin whose package a class is defined in, from metadata alone; None for others."""
        from ostinato.plugins.index import discover

        if not isinstance(made, type):
            raise DTypeError(f"provider_of: made is {shown(made)}; expected a class")
        package = made.__module__.partition(".")[0]
        if package == "ostinato":
            return None
        for one in (self._discover or discover)():
            if one.target.partition(":")[0].partition(".")[0] == package:
                return one.provider
        return None

    def loaded(self, kind: str, full: str) -> Entry | None:
        """The entry of a full name, if its plugin is loaded already. No plugin is imported."""
        with self._lock:
            return next((one for one in self._entries if one.kind == kind and one.full == full), None)

    def builtins(self, kind: str) -> list[Entry]:
        """The built-in entries of a kind. No plugin is imported."""
        check_names(kind)
        with self._lock:
            self._load_builtins()
            return [one for one in self._entries if one.provider.id == BUILTIN and one.kind == kind]

    def builtin_row(self) -> ReportRow:
        """The report of the built-ins. No plugin is imported."""
        with self._lock:
            self._load_builtins()
            return self._rows[0]

    def add_builtins(self, module: Any) -> None:
        """Adds a module of the package that implements hooks, such as the command line."""
        from ostinato.plugins.index import Found
        from ostinato.plugins.loader import load_one

        with self._lock:
            self._load_builtins()
            if module in self._builtin_modules:
                return
            provider = Provider(BUILTIN, "ostinato", _core.__version__)
            loaded = load_one(Found(provider, lambda: module))
            if loaded.row.status != "active":
                raise PluginError(f"the built-ins could not be loaded: {loaded.row.reason}")
            self._builtin_modules.append(module)
            self._entries[:0] = loaded.entries
            # All modules of the package are one plugin.
            rows = [row for row in self._rows if row.id == BUILTIN]
            row = rows[0] if rows else replace(loaded.row, provides=(), hooks=())
            self._rows = [one for one in self._rows if one.id != BUILTIN]
            self._rows.insert(
                0,
                replace(
                    row,
                    provides=row.provides + loaded.row.provides,
                    hooks=row.hooks + loaded.row.hooks,
                ),
            )

    def names(self, kind: str | None = None) -> list[str]:
        """All names of a kind, or of all: bare for built-ins, full for the rest. Raises ConfigError."""
        if kind is not None:
            check_names(kind)
        return sorted(entry.shown for entry in self.entries() if kind in (None, entry.kind))

    def entries(self) -> list[Entry]:
        """Everything that has a name, built-ins first."""
        with self._lock:
            self._load_builtins()
            self._load_plugins()
            return list(self._entries)

    def report(self) -> list[ReportRow]:
        """A row for the built-ins and one for each installed plugin, including broken ones."""
        with self._lock:
            self._load_builtins()
            self._load_plugins()
            return list(self._rows)

    @contextmanager
    def isolated(self, discover: Callable[[], list[Found]]) -> Iterator[None]:
        """Within it, only the built-ins and the plugins of `discover` exist; afterwards all is as before.

        For tests: names are looked up in the one registry of the process, so other threads must not do so.
        """
        with self._lock:
            kept = dict(self.__dict__)
            fresh = dict(Registry(discover).__dict__, _lock=self._lock)
            try:
                self.__dict__.update(fresh)
                yield
            finally:
                self.__dict__.update(kept)

    def add(self, loaded: Loaded) -> None:
        """Adds one plugin that was not loaded from an installed package."""
        with self._lock:
            self._load_builtins()
            self._take(loaded)

    def register(self, spec: Spec) -> None:
        """Adds a descriptor for this process; registering the name again replaces it. Raises ConfigError."""
        if not isinstance(spec, Spec):
            raise DTypeError(f"register: spec is {shown(spec)}; expected a descriptor such as CellSpec")
        kind = spec.kind
        with self._lock:
            self._load_builtins()
            for entry in self._entries:
                if entry.kind == kind and entry.spec.name == spec.name and entry.provider.id == BUILTIN:
                    raise ConfigError(f"{kind} {shown(spec.name)} is built in; give yours another name")
            local = Provider(LOCAL, LOCAL, "")
            self._entries = [
                entry
                for entry in self._entries
                if (entry.kind, entry.spec.name, entry.provider) != (kind, spec.name, local)
            ]
            self._entries.append(Entry(kind, spec, local))

    def _load_builtins(self) -> None:
        if not self._have_builtins:
            self._have_builtins = True
            try:
                for module in BUILTIN_MODULES:
                    self.add_builtins(importlib.import_module(module))
            except BaseException:
                self._have_builtins = False
                raise

    def _load_plugins(self) -> None:
        if self._have_plugins:
            return
        chosen, strict = selection(), is_strict()
        from ostinato.plugins.index import discover
        from ostinato.plugins.loader import is_trouble, load_all, warn_of

        # Set first, because a plugin that is being imported may look up a name.
        self._have_plugins = True
        try:
            found = (self._discover or discover)()
            everything = load_all(found, chosen)
            troubles = [one.row for one in everything if is_trouble(one.row)]
            if strict and troubles:
                row = troubles[0]
                raise PluginError(
                    f"plugin {row.id} {row.version} is {row.status}: {row.reason} ({STRICT}=1)",
                    plugin=row.id,
                )
        except BaseException:
            self._have_plugins = False
            raise
        for loaded in everything:
            self._take(loaded)
        warn_of([one.row for one in everything], chosen.strangers([one.provider for one in found]))

    def _take(self, loaded: Loaded) -> None:
        self._rows.append(loaded.row)
        if loaded.row.status == "active":
            self._entries.extend(loaded.entries)
            self._plugins.append(loaded)

    def suspects(self) -> str:
        """The plugins that could not be loaded, as the end of a message; "" if there are none."""
        lost = [f"{row.id} ({row.status})" for row in self._rows if row.status != "active"]
        return f"; not loaded: {', '.join(lost)}; see `ostinato plugins`" if lost else ""


def _foreign(kind: str, name: str) -> str:
    """What to write instead of a name of another framework, or to install, as the start of a hint."""
    from ostinato.foreign.packages import missing_package  # only an error needs it

    package = missing_package(kind, name)
    if package is not None:
        return f"the package {package} has it: pip install {package}; "
    hint = CHOICES.get(kind, {}).get(name.lower().replace("-", "_").replace(" ", "_"))
    return f"{hint}; " if hint else ""


def check_names(kind: object, name: object = "x") -> None:
    """Raises ConfigError for a kind that does not exist, and for a name that is no text."""
    if not isinstance(kind, str) or kind not in SPECS:
        hint = did_you_mean(kind if isinstance(kind, str) else "", SPECS, "kinds")
        raise ConfigError(f"kind is {shown(kind)}, which does not exist; {hint}")
    if not isinstance(name, str):
        raise ConfigError(f"name is {shown(name)}; expected the name of a {kind}, a text")


registry: Final = Registry()
"""The names of this process."""


Registered = TypeVar("Registered", bound=Configured)


@overload
def register(item: type[Registered]) -> type[Registered]: ...


@overload
def register(item: Spec) -> Spec: ...


def register(item: Any) -> Any:
    """Names a cell, a regularizer, a loss, ... for this process, without packaging.

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
            f"register: item is {shown(item)}; expected a subclass of Cell, Regularizer, Loss, ..., "
            "or a descriptor such as CellSpec(name, cls)"
        )
    return item
