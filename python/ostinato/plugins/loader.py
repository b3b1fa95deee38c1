"""Imports plugins and calls their hooks, one by one, so that a broken one is named and the others work."""

from __future__ import annotations

import inspect
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import pluggy

from ostinato.errors import PluginError, described, shown
from ostinato.plugins.entry import LOCAL, Entry, Provider, ReportRow, Status
from ostinato.plugins.hook_names import HOOKS
from ostinato.plugins.hookspecs import Hooks
from ostinato.plugins.index import Found
from ostinato.plugins.lifecycle import LifecycleHooks
from ostinato.plugins.selection import VARIABLE, Selection
from ostinato.settings import errors_apart, warnings_apart
from ostinato.specs import SPECS
from ostinato.suggest import did_you_mean


class PluginWarning(UserWarning):
    """A plugin is installed but could not be loaded."""


R = TypeVar("R")

_IN: Final = {"conflict": "in conflict"}
"""A status as the end of a sentence."""


class NameConflict(PluginError):
    """One package provides one name twice."""


@dataclass(frozen=True)
class Loaded:
    """One plugin after the attempt to load it: its report, its names, and its module or object."""

    row: ReportRow
    entries: tuple[Entry, ...] = ()
    plugin: Any = None
    provider: Provider | None = None


def load_all(
    found: Iterable[Found], chosen: Selection, before: Callable[[Found], None] | None = None
) -> list[Loaded]:
    """Loads the selected plugins that have no known problem, then removes those with conflicting names.

    `before` is called with each plugin before it is loaded. Raises KeyboardInterrupt, naming the plugin, if
    the user interrupts an import.
    """
    loaded = []
    for one in found:
        if before is not None:
            before(one)
        loaded.append(load_one(one, chosen))
    return [_conflict(one, loaded) for one in loaded]


def load_one(found: Found, chosen: Selection = Selection()) -> Loaded:  # noqa: B008 (frozen)
    """Loads one plugin, completely or, after any error, not at all."""
    refusal = chosen.refusal(found.provider)
    if refusal:
        return Loaded(found.row("disabled", refusal))
    if found.status != "active":
        return Loaded(found.row(found.status, found.reason))
    provider = found.provider
    press = _Press()
    try:
        # Changes that the package makes to warnings and floating-point errors end with its import.
        plugin, hooks, entries = press.watched(lambda: warnings_apart(errors_apart, _import, found))
    # SystemExit and the like too: a module that calls sys.exit() must not end the program.
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and press.seen:
            if not found.target:  # the library itself
                raise
            raise KeyboardInterrupt(
                f"while the plugin {provider.id} was loaded from {found.target}; if it hangs, "
                f"{VARIABLE}=no:{provider.id} disables it"
            ) from error
        status: Status = "conflict" if isinstance(error, NameConflict) else "broken"
        return Loaded(found.row(status, _reason(error, found), traceback.format_exc()))
    provides = tuple(f"{entry.kind} {entry.shown}" for entry in entries)
    row = ReportRow(provider.id, provider.version, "active", "", provides, hooks, found.path)
    return Loaded(row, tuple(entries), plugin, provider)


def _import(found: Found) -> tuple[Any, tuple[str, ...], list[Entry]]:
    """The plugin, its hooks and its entries."""
    plugin = found.get()
    return plugin, *collect(found.provider, plugin)


def _reason(error: BaseException, found: Found) -> str:
    """The error and what to do."""
    distribution = found.provider.distribution
    if isinstance(error, PluginError):
        return str(error)
    reason = described(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        own = found.target.partition(":")[0].partition(".")[0]
        missing = error.name.partition(".")[0]
        return f"{reason}; " + (f"reinstall {distribution}" if missing == own else f"install {missing}")
    if distribution == LOCAL:
        return f"{reason}; fix {found.path}"
    return f"{reason}; report this to the authors of {distribution}, or install another version of it"


class _Press:
    """Whether the user presses Ctrl-C while a function runs, which is still interrupted."""

    def __init__(self) -> None:
        usual = signal.getsignal(signal.SIGINT)
        self._usual = usual
        # With another handler it is unknown where a KeyboardInterrupt comes from; else Python raises it in
        # the main thread only.
        self.seen = usual is not signal.default_int_handler

    def watched(self, work: Callable[[], R]) -> R:
        """`work()`."""
        if self.seen or threading.current_thread() is not threading.main_thread():
            return work()
        try:
            signal.signal(signal.SIGINT, self._pressed)
            return work()
        finally:  # right too if the handler of before is still the one
            try:
                signal.signal(signal.SIGINT, self._usual)
            except BaseException:  # such as a second Ctrl-C in the middle
                signal.signal(signal.SIGINT, self._usual)
                raise

    def _pressed(self, number: int, frame: Any) -> None:
        self.seen = True
        signal.default_int_handler(number, frame)


def collect(provider: Provider, plugin: Any) -> tuple[tuple[str, ...], list[Entry]]:
    """The hooks that `plugin` implements, and the checked results of those that register names.

    Raises PluginError for anything but known hooks and lists of descriptors.
    """
    # A separate manager: pluggy keeps a rejected plugin half registered.
    scratch = pluggy.PluginManager("ostinato")
    scratch.add_hookspecs(Hooks)
    # Known, so that mistakes are reported now; the runs that enable the plugin call them.
    scratch.add_hookspecs(LifecycleHooks)
    _check_marks(plugin)
    try:
        scratch.register(plugin, name=provider.id)
    except pluggy.PluginValidationError as error:
        # pluggy's text starts with the plugin and has several lines.
        raise PluginError(" ".join(str(error).split("\n", 1)[-1].split())) from error
    callers = scratch.get_hookcallers(plugin) or []
    if not callers:
        raise PluginError("it implements no hook; mark a function such as ostinato_cells with @hookimpl")
    for caller in callers:
        if caller.name not in HOOKS:
            raise PluginError(
                f"there is no hook {shown(caller.name)}; {did_you_mean(caller.name, HOOKS, 'hooks')}"
            )
        for one in caller.get_hookimpls():
            if one.kwargnames:
                raise PluginError(
                    f"{caller.name} has the argument {shown(one.kwargnames[0])} with a default, so no "
                    "value is "
                    "ever passed to it. Remove the default, or the argument"
                )
    entries: list[Entry] = []
    for kind, wanted in SPECS.items():
        for implementation in getattr(scratch.hook, wanted.hook).get_hookimpls():
            for spec in _specs(wanted.hook, implementation.function()):
                if type(spec) is not wanted:
                    raise PluginError(
                        f"{wanted.hook} returns {_brief(spec)}; expected a list of {wanted.__name__}"
                    )
                if any(entry.kind == kind and entry.spec.name == spec.name for entry in entries):
                    raise NameConflict(f"{wanted.hook} returns the name {shown(spec.name)} twice; rename one")
                entries.append(Entry(kind, spec, provider))
    return tuple(caller.name for caller in callers), entries


def warn_of(rows: Iterable[ReportRow], strangers: Iterable[str] = ()) -> None:
    """One warning that names the plugins with problems, if there are any."""
    broken = [
        f"{row.id} {row.version} is {_IN.get(row.status, row.status)} ({row.reason})"
        for row in rows
        if is_trouble(row)
    ]
    parts = []
    if broken:
        hint = ",".join(row.id for row in rows if is_trouble(row))
        parts.append(
            f"plugins that could not be loaded: {'; '.join(broken)}. The rest works. Details: "
            f"`ostinato plugins`; to hide this: {VARIABLE}=no:{hint}"
        )
    unknown = ", ".join(strangers)
    if unknown:
        parts.append(f"{VARIABLE} names {unknown}, which is not installed")
    if parts:
        warnings.warn(". ".join(parts), PluginWarning, stacklevel=2)


def is_trouble(row: ReportRow) -> bool:
    """Whether a plugin is inactive although it was not disabled."""
    return row.status not in ("active", "disabled")


def _conflict(one: Loaded, loaded: list[Loaded]) -> Loaded:
    """Removes `one` if another entry point of its own distribution provides one of its names."""
    for other in loaded:
        if other is one or one.provider is None or other.provider is None:
            continue
        if one.provider.distribution != other.provider.distribution:
            continue
        names = {(entry.kind, entry.spec.name) for entry in other.entries}
        for entry in one.entries:
            if (entry.kind, entry.spec.name) in names:
                reason = (
                    f"{entry.kind} {entry.full!r} is given by {one.row.id} and by {other.row.id}; "
                    f"neither is used. Report this to the authors of {one.provider.distribution}"
                )
                return Loaded(replace(one.row, status="conflict", reason=reason, provides=()))
    return one


def _check_marks(plugin: Any) -> None:
    """Raises an error for a function with a hook's name but no mark: it would never be called."""
    for hook in HOOKS:
        function = inspect.getattr_static(plugin, hook, None)
        if inspect.isroutine(function) and not hasattr(function, "ostinato_impl"):
            raise PluginError(f"{hook} is not marked with @hookimpl (from ostinato import hookimpl)")


def _specs(hook: str, returned: Any) -> list[Any]:
    if not isinstance(returned, (list, tuple)):
        raise PluginError(f"{hook} returns {_brief(returned)}; expected a list")
    return list(returned)


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
