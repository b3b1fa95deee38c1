"""Finding and importing plugins: one by one, so that a broken one is named and the others work.

pluggy's own `load_setuptools_entrypoints` stops at the first plugin that cannot be imported, and drops one
of two entry points of the same name in silence; so it is not used.
"""

from __future__ import annotations

import importlib.metadata
import traceback
import warnings
from collections.abc import Callable, Iterable
from typing import Any, Final

import pluggy

from ostinato.errors import PluginError
from ostinato.plugins.entry import Entry, Provider, ReportRow
from ostinato.plugins.hookspecs import Hooks
from ostinato.plugins.lifecycle import LifecycleHooks
from ostinato.specs import SPECS
from ostinato.suggest import did_you_mean

GROUP: Final = "ostinato"


class PluginWarning(UserWarning):
    """A plugin is installed but could not be loaded."""


def discover() -> list[tuple[Provider, Callable[[], Any]]]:
    """The entry points of the group `ostinato` of all installed distributions, sorted by id. Imports none."""
    found: dict[str, tuple[Provider, Callable[[], Any]]] = {}
    for distribution in importlib.metadata.distributions():
        try:
            name, version = distribution.metadata["Name"], distribution.version
            points = [point for point in distribution.entry_points if point.group == GROUP]
        except Exception:  # A damaged dist-info folder of any package must not harm the others.
            continue
        for point in points:
            provider = Provider(f"{name}:{point.name}", str(name), str(version))
            # The first on the path is the one that Python would import.
            found.setdefault(provider.id, (provider, point.load))
    return [found[id] for id in sorted(found)]


def load(provider: Provider, get: Callable[[], Any]) -> tuple[list[Entry], ReportRow]:
    """Imports one plugin and asks its hooks. Whatever goes wrong, it is wholly in or wholly out."""
    try:
        entries = collect(provider, get())
    # SystemExit too: a module that calls sys.exit() when imported must not end the program.
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        row = ReportRow(provider.id, provider.version, "broken", reason, (), traceback.format_exc())
        return [], row
    provides = tuple(f"{entry.kind} {entry.shown}" for entry in entries)
    return entries, ReportRow(provider.id, provider.version, "active", "", provides)


def collect(provider: Provider, plugin: Any) -> list[Entry]:
    """What the hooks of `plugin` return, checked.

    Raises PluginError for anything but lists of descriptors.
    """
    manager = pluggy.PluginManager("ostinato")
    manager.add_hookspecs(Hooks)
    # Known, so that a mistake in one is told now; they are called by the runs that enable the plugin.
    manager.add_hookspecs(LifecycleHooks)
    manager.register(plugin, name=provider.id)
    known = [
        name for hooks in (Hooks, LifecycleHooks) for name in vars(hooks) if name.startswith("ostinato_")
    ]
    for caller in manager.get_hookcallers(plugin) or []:
        if caller.name not in known:
            raise PluginError(
                f"there is no hook {caller.name!r}; {did_you_mean(caller.name, known, 'hooks')}"
            )
    entries: list[Entry] = []
    for kind, wanted in SPECS.items():
        hook = wanted.hook
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.kwargnames:
                name = implementation.kwargnames[0]
                raise PluginError(
                    f"{hook} has the argument {name!r} with a default; a hook is never given one"
                )
            for spec in _specs(hook, implementation.function()):
                if not isinstance(spec, wanted):
                    raise PluginError(f"{hook} returns {spec!r}; expected a list of {wanted.__name__}")
                if any(entry.kind == kind and entry.spec.name == spec.name for entry in entries):
                    raise PluginError(f"{hook} returns the name {spec.name!r} twice")
                entries.append(Entry(kind, spec, provider))
    return entries


def warn_of(rows: Iterable[ReportRow]) -> None:
    """One warning that names the broken plugins, if there are any."""
    broken = [row for row in rows if row.status == "broken"]
    if broken:
        told = "; ".join(f"{row.id} {row.version} ({row.reason})" for row in broken)
        warnings.warn(
            f"plugins that could not be loaded: {told}. The rest works; "
            "ostinato.plugins.report() has the details",
            PluginWarning,
            stacklevel=2,
        )


def _specs(hook: str, returned: Any) -> list[Any]:
    if not isinstance(returned, (list, tuple)):
        raise PluginError(f"{hook} returns {returned!r}; expected a list")
    return list(returned)
