"""The arguments of `Trainer`: names, instances or classes, resolved to objects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar

from ostinato.brief import call
from ostinato.callback import Callback
from ostinato.direction import BETTER, goal_of
from ostinato.errors import ConfigError, DTypeError, described, shown
from ostinato.metrics import Metric
from ostinato.network import CheckpointedBPTT, FullBPTT, TruncatedBPTT
from ostinato.network.through_time import ThroughTime, check_through_time
from ostinato.optimizers import Optimizer
from ostinato.plugins.hook_names import LIFECYCLE
from ostinato.plugins.registry import UnknownName, registry
from ostinato.schedules import Schedule
from ostinato.specs import ROLES
from ostinato.strategies import AllRows, Checkpointed, Full, Local, TeacherForcing, Truncated
from ostinato.strategy import Curriculum, Estimator, Execution, Feeding, Moment, Strategy
from ostinato.training.propagation import Propagation

_BASES: Mapping[str, type[Strategy]] = {one.role: one for one in (Curriculum, Feeding, Estimator, Execution)}


class Strategies:
    """One strategy of each role; a missing role has its default.

    Raises ConfigError for two of a role, and as `check` does.
    """

    def __init__(self, given: Any, through_time: ThroughTime | None) -> None:
        found: dict[str, Strategy] = {}
        more = [] if through_time is None else [check_through_time(through_time)]
        for n, one in enumerate([*_listed("strategies", given), *more]):
            strategy = _strategy(one, f"strategies[{n}]")
            other = found.get(strategy.role)
            if other is not None:
                raise ConfigError(
                    f"strategies has two of the role {shown(strategy.role)}: {shown(other)} and "
                    f"{shown(strategy)}; "
                    "a run has one of each role"
                )
            found[strategy.role] = strategy
        self.curriculum = _of(Curriculum, found, AllRows)
        self.feeding = _of(Feeding, found, TeacherForcing)
        self.estimator = _of(Estimator, found, Full)
        self.execution = _of(Execution, found, Local)
        self.check()

    def check(self) -> None:
        """Raises ConfigError for a feeding that has no effect with the estimator, as its options are now."""
        one = self.estimator
        if not one.uses_loss and not isinstance(self.feeding, TeacherForcing):
            raise ConfigError(
                f"strategies has {shown(self.feeding)} and {shown(one)}, which learns only from "
                "what the network writes itself, so the feeding would have no effect; omit one of them, or "
                "let the estimator also use the loss of the targets, as likelihood=0.5 of 'reinforce' does"
            )

    def __repr__(self) -> str:
        return call(self, *self)

    def __iter__(self) -> Iterator[Strategy]:
        return iter((self.curriculum, self.feeding, self.estimator, self.execution))


def choose_optimizer(given: Any, lr: float | None = None) -> Optimizer:
    """The optimizer of a name, a class or an instance. Raises ConfigError, DTypeError.

    lr: for a name or a class without a learning rate of its own.
    """
    try:
        return registry.make("optimizer", given, Optimizer)
    except ConfigError:
        if lr is None:
            raise
        return registry.make("optimizer", given, Optimizer, {"lr": lr})


def choose_schedule(given: Any) -> Callable[[float, Moment], float] | None:
    """The schedule of a name, a class, an instance or a function.

    Raises ConfigError, DTypeError.
    """
    if given is None:
        return None
    made: Callable[[float, Moment], float] = registry.make("schedule", given, Schedule)
    try:
        inspect.signature(made).bind(1.0, Moment())
    except TypeError as error:
        raise ConfigError(
            f"schedule is {shown(made)}, which cannot be called with (start, when): {error}; expected a "
            "function "
            "of the learning rate at the start and of now: lambda start, when: start * 0.9**when.epoch"
        ) from None
    except ValueError:  # A function in C may have no signature.
        pass
    return made


def choose_metrics(given: Any, argument: str) -> dict[str, Metric]:
    """The metrics of a list, by name. Raises ConfigError, DTypeError."""
    made = [
        registry.make("metric", one, Metric, argument=f"{argument}[{n}]")
        for n, one in enumerate(_listed(argument, given))
    ]
    for one in made:
        if one.better not in ("", *BETTER) and goal_of(one.better) is None:
            raise ConfigError(
                f"{argument}: metric {shown(one.name)} has better = {shown(one.better)}; expected 'lower' "
                "or 'higher', or such as 'nearest to 0.8'"
            )
    names = [one.name for one in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or "loss" in names:
        raise ConfigError(
            f"{argument} has {shown(twice or 'loss')} twice; each is a column of the history (so is 'loss')"
        )
    return dict(zip(names, made, strict=True))


def choose_plugins(given: Any) -> dict[str, Any]:
    """Objects with lifecycle hooks, by the names for errors.

    A text names a callback or an installed plugin. Raises ConfigError, also for a class.
    """
    found: dict[str, Any] = {}
    for place, one in enumerate(_listed("callbacks", given)):
        argument = f"callbacks[{place}]"
        plugins = _plugins(one, argument)
        for name, plugin in plugins.items():
            _check_marks(name, plugin)
        hearing = {name: plugin for name, plugin in plugins.items() if _hears(plugin)}
        if not hearing:
            raise ConfigError(
                f"callbacks has {shown(one)}, which has no hook of a run; expected a plugin's name, or an "
                "object with functions marked by @ostinato.hookimpl"
            )
        for name, plugin in hearing.items():
            step = getattr(plugin, "ostinato_train_step", None)
            if step is not None and not getattr(step, "ostinato_impl", {}).get("wrapper"):
                raise ConfigError(
                    f"callbacks has {shown(name)}, whose ostinato_train_step would replace the run's own; "
                    "mark it with @ostinato.hookimpl(wrapper=True), and yield where the step is"
                )
            number = 1 + sum(name == other.partition("#")[0] for other in found)
            found[name if number == 1 else f"{name}#{number}"] = plugin
    return found


def _plugins(one: Any, argument: str) -> dict[str, Any]:
    """What an item of callbacks stands for, by name."""
    if isinstance(one, type):
        raise ConfigError(f"{argument} is the class {one.__name__}; expected {_call(one)}, not the class")
    if not isinstance(one, str):
        return {_name(one): one}
    try:
        return registry.plugins(one, argument)
    except UnknownName as error:
        try:
            choice = registry.choose("callback", one, Callback, argument=argument)
        except UnknownName as other:
            raise UnknownName(f"{other}; nor is it an active plugin: {error}") from None
        # The same name as that of an instance, so that a checkpoint fits both.
        return {choice.entry.spec.name if choice.entry else choice.name: choice.made}


def _call(kind: type) -> str:
    """How a class is called, with its positional arguments by name."""
    try:
        found = list(inspect.signature(kind).parameters.values())
    except ValueError:  # some classes of C have no signature
        found = []
    names = [one.name for one in found if one.kind is one.POSITIONAL_OR_KEYWORD]
    return f"{kind.__name__}({', '.join(names)})"


def _name(plugin: Any) -> str:
    if isinstance(plugin, Callback):
        return plugin.name
    return plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__name__


def _hears(plugin: Any) -> bool:
    """Whether it has a function for a lifecycle hook."""
    return any(hasattr(plugin, name) for name in LIFECYCLE)


def _check_marks(name: str, plugin: Any) -> None:
    """Raises ConfigError for a function with a hook's name but no mark, which is never called."""
    for hook in (one for one in dir(plugin) if one.startswith("ostinato_")):
        found = getattr(plugin, hook)
        if inspect.isroutine(found) and not hasattr(found, "ostinato_impl"):
            raise ConfigError(
                f"callbacks has {shown(name)}, whose {hook} is named like a hook but not marked as one, so "
                "it "
                "would never be called; put @ost.hookimpl above it, or rename it if "
                "it is none"
            )


def _strategy(one: Any, argument: str) -> Strategy:
    if isinstance(one, ThroughTime):
        return _estimator(one)
    choice = registry.choose("strategy", one, Strategy, argument=argument)
    role = getattr(choice.entry and choice.entry.spec, "role", choice.made.role)
    if not isinstance(choice.made, _BASES.get(role, ())):
        raise DTypeError(
            f"{argument} is {shown(choice.made)}, which does not derive from the base of its role "
            f"{shown(role)}; "
            f"expected one of the roles {', '.join(ROLES)}"
        )
    return choice.made


def _estimator(variant: ThroughTime) -> Estimator:
    """The strategy of a variant of BPTT."""
    # not isinstance: a subclass may override `mode`
    if type(variant) is TruncatedBPTT:
        return Truncated(variant.k1, variant.k2)
    if type(variant) is CheckpointedBPTT:
        return Checkpointed(variant.budget)
    return Full() if type(variant) is FullBPTT else Propagation(variant)


Role = TypeVar("Role", bound=Strategy)


def _of(base: type[Role], found: Mapping[str, Strategy], default: Callable[[], Role]) -> Role:
    one = found.get(base.role)
    if one is None:
        return default()
    assert isinstance(one, base)
    return one


def _listed(argument: str, given: Any) -> list[Any]:
    if isinstance(given, (str, Mapping)) or not isinstance(given, (Sequence, Iterable)):
        such = f", such as [{given!r}]" if isinstance(given, str) else ""
        raise ConfigError(f"{argument} is {shown(given)}; expected a list{such}")
    try:
        return list(given)
    except Exception as error:
        raise ConfigError(f"{argument} is {shown(given)}; expected a list: {described(error)}") from error
