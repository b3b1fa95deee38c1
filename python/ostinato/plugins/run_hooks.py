"""The lifecycle hooks of one run: only the plugins of the run are called, and errors name the plugin."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Collection, Mapping
from types import FrameType
from typing import Any, NoReturn

import pluggy

from ostinato.errors import ConfigError, DTypeError, PluginError, ShapeError, described, shown
from ostinato.plugins.hook_names import HOOKS, LIFECYCLE
from ostinato.plugins.hookspecs import Hooks
from ostinato.plugins.lifecycle import LifecycleHooks
from ostinato.suggest import did_you_mean

# Computed once: a run calls its hooks at every batch.
_WITH_STEP = frozenset(
    name for name in LIFECYCLE if "step" in inspect.signature(getattr(LifecycleHooks, name)).parameters
)

# No plugin has this name.
_OWN = "<the run itself>"


def is_ours(one: Any) -> bool:
    """Whether the class of a strategy or plugin is the library's own."""
    return type(one).__module__.partition(".")[0] == "ostinato"


class RunHooks:
    """The hooks of one run.

    plugins: name -> object or module whose functions are marked with `hookimpl`; they are called in the order
    given. own: the run's own implementations, such as its `ostinato_train_step`; called last, within the
    wrappers of the plugins, and their errors are unchanged. Raises PluginError, naming the plugin, for a hook
    that does not exist, an argument that its hook does not have, and an argument with a default (pluggy would
    never pass it).
    """

    def __init__(self, plugins: Mapping[str, Any], own: Any = None) -> None:
        self._manager = pluggy.PluginManager("ostinato")
        self._manager.add_hookspecs(LifecycleHooks)
        # A plugin may also implement hooks that register names; a run ignores them.
        self._manager.add_hookspecs(Hooks)
        if own is not None:
            self._manager.register(own, name=_OWN)
        # pluggy calls the last one registered first.
        for name, plugin in reversed(list(plugins.items())):
            try:
                self._manager.register(plugin, name=name)
                self._check(plugin)
            except (pluggy.PluginValidationError, ValueError) as error:
                raise PluginError(
                    f"plugin {shown(name)} cannot be enabled: {error}{_arguments(error)}"
                ) from error

    @property
    def names(self) -> list[str]:
        """The names of the plugins of this run."""
        return [name for name, _ in self._manager.list_name_plugin() if name != _OWN]

    def call(self, hook: str, *, step: int | None = None, **arguments: Any) -> Any:
        """Calls the implementations of `hook`: returns a list, or the first result for some hooks.

        `step` is for errors, and an argument of the hooks that take it. Raises PluginError.
        """
        if hook in _WITH_STEP:
            arguments["step"] = step
        try:
            result = getattr(self._manager.hook, hook)(**arguments)
        except Exception as error:
            self._blame(hook, step, error)
        if isinstance(result, list) and result:  # of hooks whose results have no use
            self._refuse(hook, step, result[0], "the run has no use for it; return nothing")
        return result

    def train(self, *, step: int, **arguments: Any) -> Mapping[str, float]:
        """Calls `ostinato_train_step`. Raises PluginError, also for a wrapper that returns something else."""
        metrics = self.call("ostinato_train_step", step=step, **arguments)
        if not isinstance(metrics, Mapping):
            self._refuse("ostinato_train_step", step, metrics, "a wrapper returns what its yield returned")
        return metrics

    def _refuse(self, hook: str, step: int | None, value: Any, why: str) -> NoReturn:
        own = [one.plugin_name for one in getattr(self._manager.hook, hook).get_hookimpls()]
        names = [name for name in own if name != _OWN]
        of = (
            f"plugin {names[0]!r}" if len(names) == 1 else f"one of the plugins {', '.join(map(repr, names))}"
        )
        at = "" if step is None else f" at step {step}"
        raise PluginError(
            f"{of} returned {shown(value)} from {hook}{at}; {why}", plugin=names[0], hook=hook, step=step
        )

    def tell_error(self, run: Any, error: BaseException) -> None:
        """Calls `ostinato_run_error` of each plugin. Its own failure is a warning only."""
        for one in self._manager.hook.ostinato_run_error.get_hookimpls():
            known = {"run": run, "error": error}
            try:
                one.function(*(known[name] for name in one.argnames))
            except Exception as failure:
                warnings.warn(
                    f"plugin {one.plugin_name!r} failed in ostinato_run_error: {failure!r}", stacklevel=2
                )

    def hearing(self, *hooks: str) -> set[str]:
        """The names of the plugins that have one of these hooks."""
        found = (getattr(self._manager.hook, hook).get_hookimpls() for hook in hooks)
        return {one.plugin_name for implementations in found for one in implementations} - {_OWN}

    def are_ours(self, names: Collection[str]) -> bool:
        """Whether these plugins are all the library's own."""
        return all(is_ours(self._manager.get_plugin(name)) for name in names)

    def save(
        self, run: Any, only: Collection[str] | None = None, *, lenient: bool = False
    ) -> dict[str, Mapping[str, Any]]:
        """The state of each plugin, or of those in `only`, by the plugin's name.

        Raises PluginError; with `lenient`, a plugin that fails is left out.
        """
        states = {}
        for one in self._manager.hook.ostinato_save.get_hookimpls():
            if only is not None and one.plugin_name not in only:
                continue
            try:
                state = self._alone("ostinato_save", one, {"run": run})
            except PluginError:
                if not lenient:
                    raise
                state = None
            if state is not None:
                states[one.plugin_name] = state
        return states

    def load(self, run: Any, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Passes each plugin its own part of the result of `save`. Raises PluginError."""
        for one in self._manager.hook.ostinato_load.get_hookimpls():
            if one.plugin_name in states:
                self._alone("ostinato_load", one, {"run": run, "state": states[one.plugin_name]})

    def _alone(self, hook: str, one: pluggy.HookImpl, known: Mapping[str, Any]) -> Any:
        try:
            return one.function(*(known[name] for name in one.argnames))
        except Exception as error:
            if _is_users(one.function, error):
                raise
            raise _failed(one.plugin_name, hook, None, error) from error

    def _check(self, plugin: Any) -> None:
        for caller in self._manager.get_hookcallers(plugin) or []:
            if caller.name not in HOOKS:
                hint = did_you_mean(caller.name, HOOKS, "hooks")
                raise ValueError(f"there is no hook {shown(caller.name)}; {hint}")
            for one in caller.get_hookimpls():
                if one.plugin is plugin and one.kwargnames:
                    raise ValueError(
                        f"{caller.name} has the argument {shown(one.kwargnames[0])} with a default, so no "
                        "value is ever passed to it; remove the default"
                    )

    def _blame(self, hook: str, step: int | None, error: Exception) -> NoReturn:
        """Raises PluginError if an implementation is at fault, otherwise the error as it is."""
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        # The deepest frame of an implementation in the traceback: a wrapper only propagates the error.
        culprits = {one.plugin_name: one.function for one in implementations}
        culprit, trace = None, error.__traceback__
        while trace is not None:
            for one in implementations:
                if _is_frame_of(one.function, trace.tb_frame):
                    culprit = one.plugin_name
            trace = trace.tb_next
        if culprit is None or culprit == _OWN or _is_users(culprits.get(culprit), error):
            raise error
        raise _failed(culprit, hook, step, error) from error


def _is_users(function: Any, error: BaseException) -> bool:
    """Whether a callback of the package refuses what the user gave: no failure of the callback."""
    home = getattr(function, "__module__", None) or ""
    return home.partition(".")[0] == "ostinato" and isinstance(error, (ConfigError, DTypeError, ShapeError))


def _failed(plugin: str, hook: str, step: int | None, error: BaseException) -> PluginError:
    at = "" if step is None else f" at step {step}"
    return PluginError(
        f"plugin {plugin!r} failed in {hook}{at}: {described(error)}; fix it, or run without it",
        plugin=plugin,
        hook=hook,
        step=step,
    )


def _arguments(error: Exception) -> str:
    """The arguments of a hook, if an implementation has another one."""
    hook = next((one for one in HOOKS if f"hook {one!r}" in str(error)), None)
    if not isinstance(error, pluggy.PluginValidationError) or hook is None:
        return ""
    home = LifecycleHooks if hook in LIFECYCLE else Hooks
    known = list(inspect.signature(getattr(home, hook)).parameters)[1:]
    return f"\n{hook} takes any of these arguments, by name: {', '.join(known)}"


def _is_frame_of(function: Any, frame: FrameType) -> bool:
    code = getattr(function, "__code__", None)
    if frame.f_code is not code:
        return False
    # Two plugins of one class share the code; only `self` distinguishes them.
    owner = getattr(function, "__self__", None)
    return owner is None or frame.f_locals.get(code.co_varnames[0]) is owner
