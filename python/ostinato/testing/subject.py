"""Turns an argument (a name, a descriptor, a class, an instance) into a descriptor and its options."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostinato.callback import Callback
from ostinato.cell import Cell
from ostinato.errors import ConfigError, DTypeError, described, shown
from ostinato.initializers import Initializer
from ostinato.layers.layer import Layer
from ostinato.losses import Loss
from ostinato.metrics import Metric
from ostinato.optimizers import Optimizer
from ostinato.options import Configured
from ostinato.plugins.registry import registry
from ostinato.regularizer import Regularizer
from ostinato.schedules import Schedule
from ostinato.scorer import Scorer
from ostinato.specs import SPECS, Spec
from ostinato.strategy import Strategy
from ostinato.suggest import did_you_mean
from ostinato.testing.runner import Check, Failed, check

BASES: Mapping[str, type[Configured]] = {
    "cell": Cell,
    "regularizer": Regularizer,
    "loss": Loss,
    "optimizer": Optimizer,
    "initializer": Initializer,
    "scorer": Scorer,
    "layer": Layer,
    "schedule": Schedule,
    "strategy": Strategy,
    "metric": Metric,
    "callback": Callback,
}
"""The base class of each kind."""


@dataclass(frozen=True)
class Found:
    """The item to check."""

    kind: str
    name: str
    spec: Spec
    examples: tuple[Mapping[str, Any], ...]

    @property
    def expected_failures(self) -> Mapping[str, str]:
        """The checks that fail by design, as the class declares them: check -> reason. Raises DTypeError."""
        declared = getattr(self.spec.factory, "expected_failures", {})
        if not isinstance(declared, Mapping) or not all(isinstance(one, str) for one in declared):
            message = f"{self.kind} {self.name!r}: expected_failures is {shown(declared)}"
            raise DTypeError(f"{message}; expected a dict of reasons by check")
        return declared


def check_arguments(kind: Any, options: Any, expected_failures: Any) -> None:
    """Raises ConfigError or DTypeError for arguments of `check` that are of another type."""
    if kind is not None and (not isinstance(kind, str) or kind not in BASES):
        raise ConfigError(f"kind is {shown(kind)}; expected one of {', '.join(BASES)}")
    if options is not None and not (
        isinstance(options, (list, tuple)) and all(isinstance(one, Mapping) for one in options)
    ):
        raise DTypeError(f"options is {shown(options)}; expected a list of dicts of options")
    if expected_failures is not None and not (
        isinstance(expected_failures, Mapping) and all(isinstance(one, str) for one in expected_failures)
    ):
        raise DTypeError(f"expected_failures is {shown(expected_failures)}; expected reasons by check")


def find(item: Any, kind: str | None = None) -> Found:
    """The descriptor of a name, a descriptor, a class or an instance, and the options to check it with.

    Raises ConfigError for a name that no kind or several kinds have, DTypeError for anything else.
    """
    if isinstance(item, str):
        kinds = [kind] if kind else [one for one in BASES if _known(one, item)]
        if len(kinds) > 1:
            raise ConfigError(f"{item!r} is a {' and a '.join(kinds)}; say which with kind=")
        if not kinds:
            raise ConfigError(f"item is {shown(item)}: {_unknown(item)}")
        entry = registry.resolve(kinds[0], item, argument="item")
        return Found(entry.kind, entry.shown, entry.spec, tuple(entry.spec.examples))
    for one, base in BASES.items():
        if kind not in (None, one):
            continue
        wanted = SPECS[one]
        if isinstance(item, wanted):
            return Found(one, item.name, item, tuple(item.examples))
        if isinstance(item, type) and issubclass(item, base):
            spec = wanted.of(item)
            return Found(one, item.name, spec, tuple(spec.examples))
        if isinstance(item, base):
            return Found(one, item.name, wanted.of(type(item)), (item.options,))
    expected = f"a {kind}" if kind else f"a {', '.join(BASES)}"
    raise DTypeError(
        f"item is {shown(item)}; expected {expected}: its name, descriptor, class or an instance"
    )


def _unknown(name: str) -> str:
    """The message for a name that no kind of the kit has."""
    kinds = f"the kit knows {', '.join(BASES)}"
    if _known("command", name):
        return f"{name!r} is a command, which has no checks; {kinds}"
    names = [one.shown for one in registry.entries() if one.kind in BASES]
    hint = did_you_mean(name, sorted(set(names)))
    path = "a package's names are known once it is installed; without that, check MODULE:CLASS"
    return f"nothing that can be checked is called {name!r}; {hint}; {kinds}; {path}{registry.suspects()}"


def _known(kind: str, name: str) -> bool:
    return any(name in (one.spec.name, one.full) for one in registry.entries() if one.kind == kind)


class Made:
    """A thing with a descriptor and options; `make` returns a new one."""

    spec: Spec
    options: Mapping[str, Any]
    base: type[Configured]

    @property
    def declared(self) -> Sequence[Any]:
        """The `check_sizes` of the class: the sizes to check with."""
        made: Sequence[Any] = getattr(self.make(), "check_sizes", ())
        return made

    def make(self) -> Any:
        """Make one with the options. Raises Failed for an object of another kind."""
        made = self.spec.factory(**self.options)
        if not isinstance(made, self.base):
            raise Failed(f"the factory makes a {type(made).__name__}; expected a {self.base.__name__}")
        return made

    def meaning(self, made: Any) -> str:
        """What must be equal for things with equal options, such as the text of the equations."""
        return repr(made)


@check("descriptor")
def descriptor(subject: Made) -> None:
    """The descriptor makes an instance of its kind, whose declarations never change."""
    spec = subject.spec
    first = subject.make()
    meaning = subject.meaning(first)
    second = subject.make()
    if first is second:
        raise Failed("the factory returns the same object twice; options of one would be those of the other")
    if meaning != subject.meaning(second):
        raise Failed(
            "made twice with the same options it differs: something outside of it affects it, "
            "such as a counter, the time or a global"
        )
    if subject.spec.factory is not spec.factory or dataclasses.replace(spec) != spec:
        raise Failed("a descriptor made from its own fields differs")


def _without_options(subject: Made) -> str | None:
    return None if isinstance(subject.make(), Configured) else "it has no options to read back"


@check("options", _without_options)
def options(subject: Made) -> None:
    """Options stored as JSON make an equal instance; instances do not share options."""
    made = subject.make()
    before = repr(made.options)
    for name, value in made.options.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise Failed(
                f"option {name!r} is {value!r}, which no file can hold ({error}); "
                "expected numbers, texts, lists and dicts of them"
            ) from error
    read = json.loads(json.dumps(made.options))
    try:
        again = subject.spec.factory(**read)
    except Exception as error:
        raise Failed(f"its own options {read!r} do not make it again: {described(error)}") from error
    if json.loads(json.dumps(again.options)) != read:
        raise Failed(f"made of the options {read!r} it has {again.options!r}")
    if subject.meaning(again) != subject.meaning(made):
        raise Failed(f"made again of its options {read!r} it is not the same")
    if repr(made.options) != before:
        raise Failed(f"options were {before} and are {made.options!r}: they are changed by use")


CHECKS: tuple[Check[Made], ...] = (descriptor, options)
