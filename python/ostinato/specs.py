"""The descriptors with which a plugin registers names: a name, a factory, and a line of description.

A package has hooks marked by `hookimpl`, which return lists of these descriptors:

    @hookimpl
    def ostinato_cells() -> list[CellSpec]:
        return [CellSpec("ligru", LightGRU)]

`SPECS` is the table of all kinds of names: the loader, the registry and the command line read it.
A descriptor without additional fields is not a dataclass itself: defining a dataclass takes a millisecond.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import pluggy

from ostinato.errors import ConfigError, shown
from ostinato.signature import Self
from ostinato.suggest import did_you_mean

hookimpl = pluggy.HookimplMarker("ostinato")
"""Marks a function as the implementation of an ostinato hook."""

ROLES: Final = ("curriculum", "feeding", "estimator", "execution")
"""The roles of strategies: they decide on the rows, on inputs, on the gradient, and on the process."""


@dataclass(frozen=True)
class Spec:
    """A named factory: `factory(**options)` creates an instance, `doc` describes it in a line.

    `kind` is the kind of the name, `hook` the hook that returns such descriptors. `product` is the name of
    the required base class of an instance, "" if there is none. `instance` is the text of an example.
    `function` is the signature of a function that is accepted instead of an instance, "" if none is.
    `examples` are the sets of options that the conformance kit checks: by default the attribute `examples` of
    the factory, or one set without options.

    Raises ConfigError for a name that is not a Python identifier, a factory that cannot be called, a doc that
    is not text, examples that are not options.
    """

    kind: ClassVar[str]
    hook: ClassVar[str]
    product: ClassVar[str] = ""
    instance: ClassVar[str] = ""
    function: ClassVar[str] = ""

    # The purpose of each field, for the pages of the hooks.
    name: str = field(metadata={"doc": "the name: letters, digits and `_`, not starting with a digit"})
    factory: Callable[..., Any] = field(
        metadata={"doc": "a class or a function that creates an instance from its options"}
    )
    doc: str = field(
        default="",
        metadata={"doc": "a description in one line; by default the first line of the factory's docstring"},
    )
    examples: Sequence[Mapping[str, Any]] = field(
        default=(),
        hash=False,
        metadata={
            "doc": "the sets of options that the conformance kit checks, each a dict; by default the "
            "attribute `examples` of the factory, or one set without options"
        },
    )

    def __post_init__(self) -> None:
        noun = type(self).__name__
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ConfigError(
                f"{noun}: name is {shown(self.name)}; expected letters, digits and _ as in Python"
            )
        if not callable(self.factory):
            raise ConfigError(
                f"{noun} {shown(self.name)}: factory is {shown(self.factory)}; expected a class or a function"
            )
        if not isinstance(self.doc, str):
            raise ConfigError(f"{noun} {shown(self.name)}: doc is {shown(self.doc)}; expected a line of text")
        if not self.doc:
            object.__setattr__(self, "doc", (self.factory.__doc__ or "").strip().partition("\n")[0])
        examples = self.examples
        if isinstance(examples, (list, tuple)) and not examples:
            examples = _examples_of(self.factory)
        if not isinstance(examples, (list, tuple)) or not all(isinstance(one, Mapping) for one in examples):
            raise ConfigError(
                f"{noun} {shown(self.name)}: examples is {shown(examples)}; expected a list of options"
            )
        object.__setattr__(self, "examples", tuple(examples))

    @classmethod
    def of(cls, made: Any) -> Self:
        """The descriptor of a class that has the fields of a descriptor: its `name`, ..."""
        if not callable(made) or not isinstance(getattr(made, "name", None), str):
            raise ConfigError(f"{cls.__name__}.of: made is {shown(made)}; expected a class that has a name")
        return cls(made.name, made)


def _examples_of(factory: Any) -> Any:
    """The examples of a factory. A subclass inherits them if its `__init__` takes all of their options."""
    examples: Any = getattr(factory, "examples", ({},))
    if "examples" in getattr(factory, "__dict__", {}) or not isinstance(examples, (list, tuple)):
        return examples
    try:
        for one in examples:
            inspect.signature(factory).bind(**one)
    except (TypeError, ValueError):  # other options, or no signature at all
        return ({},)
    return examples


class CellSpec(Spec):
    """`factory(**options)` returns a `Cell`."""

    kind = "cell"
    hook = "ostinato_cells"
    product = "Cell"


class ScorerSpec(Spec):
    """`factory(**options)` returns a `Scorer`."""

    kind = "scorer"
    hook = "ostinato_scorers"


class LayerSpec(Spec):
    """`factory(**options)` returns a `Layer` or any other network. One of the options is `dtype`."""

    kind = "layer"
    hook = "ostinato_layers"
    instance = "ost.Dense(8, 4)"


class RegularizerSpec(Spec):
    """`factory(**options)` returns a `Regularizer`."""

    kind = "regularizer"
    hook = "ostinato_regularizers"
    product = "Regularizer"
    instance = "ost.Zoneout(0.1)"


class LossSpec(Spec):
    """`factory(**options)` returns a `Loss`."""

    kind = "loss"
    hook = "ostinato_losses"
    product = "Loss"
    instance = "ost.CrossEntropy()"


class OptimizerSpec(Spec):
    """`factory(**options)` returns an `Optimizer`."""

    kind = "optimizer"
    hook = "ostinato_optimizers"
    product = "Optimizer"
    instance = "ost.Adam(lr=1e-3)"


class ScheduleSpec(Spec):
    """`factory(**options)` returns a function `(start, when)`: the initial learning rate and a `Moment`."""

    kind = "schedule"
    hook = "ostinato_schedules"
    instance = "ost.schedules.Exponential(0.95)"
    function = "(start, when) -> value"


class InitializerSpec(Spec):
    """`factory(**options)` returns a function `(shape, rng)` that returns a float64 array."""

    kind = "initializer"
    hook = "ostinato_initializers"
    instance = "ost.initializers.Orthogonal(gain=0.9)"
    function = "(shape, rng) -> array"


@dataclass(frozen=True)
class StrategySpec(Spec):
    """`factory(**options)` returns an instance of the base class of the `role`."""

    kind = "strategy"
    hook = "ostinato_strategies"
    instance = "ost.strategies.Truncated(20)"

    role: str = field(kw_only=True, metadata={"doc": f"the role: one of {', '.join(ROLES)}"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.role, str) or self.role not in ROLES:
            hint = did_you_mean(self.role if isinstance(self.role, str) else "", ROLES, "roles")
            raise ConfigError(f"StrategySpec {shown(self.name)}: role is {shown(self.role)}; {hint}")

    @classmethod
    def of(cls, made: Any) -> Self:
        """The descriptor of a class with a `name` and a `role`."""
        if not callable(made) or not isinstance(getattr(made, "name", None), str):
            raise ConfigError(
                f"StrategySpec.of: made is {shown(made)}; expected a class that has a name and a role"
            )
        return cls(made.name, made, role=getattr(made, "role", ""))


class MetricSpec(Spec):
    """`factory(**options)` returns a `Metric`."""

    kind = "metric"
    hook = "ostinato_metrics"
    instance = "ost.metrics.Accuracy()"


class CallbackSpec(Spec):
    """`factory(**options)` returns a `Callback`."""

    kind = "callback"
    hook = "ostinato_callbacks"
    product = "Callback"


class CommandSpec(Spec):
    """`factory(parser)` adds arguments to an `argparse.ArgumentParser` and returns a function `run`.

    `run(options)` runs the command. It prints its results and returns an exit code, or None for success. It
    raises an OstinatoError for errors that the user can fix.
    """

    kind = "command"
    hook = "ostinato_commands"


SPECS: Final[dict[str, type[Spec]]] = {
    spec.kind: spec
    for spec in (
        CellSpec,
        ScorerSpec,
        LayerSpec,
        RegularizerSpec,
        LossSpec,
        OptimizerSpec,
        ScheduleSpec,
        InitializerSpec,
        StrategySpec,
        MetricSpec,
        CallbackSpec,
        CommandSpec,
    )
}
"""The descriptor of each kind of name."""
