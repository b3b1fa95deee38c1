"""Options of a cell, a loss, an optimizer or an initializer: the keyword arguments of its `__init__`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from ostinato.attribute_guard import MARK, GuardMeta
from ostinato.errors import ConfigError, shown
from ostinato.foreign.calls import argument_hint, explained
from ostinato.foreign.names import KINDS
from ostinato.signature import InitSignature, of_init, signature_of
from ostinato.suggest import closest, did_you_mean

# Of an object without a text of its own: "<function f at 0x7f...>".
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


class ConfiguredMeta(GuardMeta):
    """Gives options their new names before an instance is made."""

    if not TYPE_CHECKING:  # Type checkers take the arguments from `__init__`.

        def __call__(cls, /, *args: Any, **options: Any) -> Any:
            """Make an instance."""
            if cls.renamed and any(name in cls.renamed for name in options):
                from ostinato.renamed import translated

                options = translated(f"{cls.kind} {shown(cls.name)}", cls, cls.renamed, options)
            return super().__call__(*args, **options)


class Configured(metaclass=ConfiguredMeta):
    """Base of everything that is made by name with options.

    The options are whatever `__init__` declares. An unknown one raises ConfigError with the closest known
    name, and the values given (with the defaults of the rest) can be read back from `options`.

    Once it is made, setting an option raises AttributeError, because what is traced or drawn from it would
    not change; `_live_options` says that a kind reads its options at each use. So does setting what belongs
    to the class, and a new attribute whose name is nearly that of an option.
    """

    if not TYPE_CHECKING:
        __signature__ = InitSignature()

    name: ClassVar[str] = ""
    kind: ClassVar[str] = "object"
    examples: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    """Sets of options for the conformance kit, which checks all of them."""
    check_sizes: ClassVar[Sequence[Any]] = ()
    """Sizes for the conformance kit, if it finds none: (input, hidden) of a cell, outputs of a loss."""
    renamed: ClassVar[Mapping[str, str | tuple[str, str]]] = {}
    """Old names of options, which work with a DeprecationWarning: new by old, or (new, last release)."""
    _unrecorded: ClassVar[Sequence[str]] = ()
    """Arguments that are no options: no result depends on them, and `options` and files leave them out."""
    expected_failures: ClassVar[Mapping[str, str]] = {}
    """Checks of the conformance kit that fail by design: check -> reason."""
    _live_options: ClassVar[bool] = False
    _of_class: ClassVar[tuple[str, ...]] = (
        *(
            "kind",
            "name",
            "examples",
            "check_sizes",
            "expected_failures",
            "provider",
            "target",
            "better",
            "per",
        ),
        *("renamed", "batched", "role", "samples", "slots", "scalars", "adds_metrics"),
    )
    """What a class says of all its objects."""
    _options: dict[str, Any]
    # The package that provides the class (plugins.Provider), if the object was made by name.
    provider: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()
        if "__init__" in cls.__dict__:
            cls.__init__ = _explained(cls.__init__)  # type: ignore[method-assign]

    def __new__(cls, /, *args: Any, **options: Any) -> Any:
        """Check the options and store them, before `__init__` runs. Raises ConfigError for unknown ones."""
        self = super().__new__(cls)
        signature = signature_of(cls.__init__)
        parameters = list(signature.parameters.values())[1:]
        known = [one.name for one in parameters if one.kind is not inspect.Parameter.VAR_KEYWORD]
        if len(known) == len(parameters):
            for option in options:
                if option not in known:
                    hint = argument_hint([one.__name__ for one in cls.__mro__], option)
                    raise ConfigError(
                        f"{cls.kind} {shown(cls.name)} has no option {shown(option)}; "
                        f"{hint or did_you_mean(option, known, 'options')}"
                    )
        # `__init__` reports arguments that do not fit; a copy calls `__new__` without any.
        try:
            bound = signature.bind_partial(None, *args, **options)
        except TypeError:
            return self
        bound.apply_defaults()
        values = dict(list(bound.arguments.items())[1:])
        for one in parameters:
            if one.kind is inspect.Parameter.VAR_KEYWORD:
                values.update(values.pop(one.name, {}))
        self._options = {name: value for name, value in values.items() if name not in cls._unrecorded}
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            hint = KINDS.get(type(self).kind, {}).get(name)
            if hint:
                message = f"{type(self).__name__!r} object has no attribute {name!r}; {hint}"
                raise AttributeError(message, name=name, obj=self)
            return object.__getattribute__(self, name)  # Python's own words

    def __init__(self) -> None:
        """Take no options; a subclass with options writes its own `__init__`."""

    @property
    def options(self) -> dict[str, Any]:
        """The options of this object by name, including defaults."""
        if self._live_options:
            return {name: vars(self).get(name, value) for name, value in self._options.items()}
        return dict(self._options)

    def _complete(self) -> None:
        """Nothing is left to do when `__init__` is done."""

    def __setattr__(self, name: str, value: Any) -> None:
        known = vars(self)
        if MARK in known and not name.startswith("_"):
            owner, options = f"{self.kind} {shown(self.name)}", known["_options"]
            if name in options and not self._live_options:
                self._refuse_attribute(
                    name,
                    f"{owner}: {name!r} is fixed when it is made; make a new one: "
                    f"{type(self).__name__}({name}={shown(value)})",
                )
            if name in self._of_class:
                self._refuse_attribute(name, f"{owner}: {name!r} belongs to its class; write it there")
            meant = None if hasattr(self, name) else closest(name, options)
            if meant is not None:
                self._refuse_attribute(
                    name, f"{owner} has no attribute {name!r} to set; did you mean {meant!r}?"
                )
        super().__setattr__(name, value)

    def _refuse_attribute(self, name: str, message: str) -> NoReturn:
        raise AttributeError(message, name=name, obj=self)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={stable_text(value)}" for name, value in self.options.items())
        return f"{type(self).__name__}({inside})"


def stable_text(value: object) -> str:
    """`repr(value)`, but the same in every process: sets are sorted, and no text has an address."""
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}({{{', '.join(sorted(map(stable_text, value)))}}})"
    if isinstance(value, list):
        return f"[{', '.join(map(stable_text, value))}]"
    if type(value) is tuple:
        return f"({', '.join(map(stable_text, value))}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{stable_text(key)}: {stable_text(one)}' for key, one in value.items())}}}"
    return _ADDRESS.sub("", repr(value))


def _explained(init: Callable[..., None]) -> Callable[..., None]:
    """An `__init__` whose misfit of arguments is a CallError that says what to write."""

    @wraps(init)
    def call(self: Configured, /, *args: Any, **options: Any) -> None:
        try:
            init(self, *args, **options)
        except TypeError as error:
            owners = [f"{self.kind} {self.name!r}", *(one.__name__ for one in type(self).__mro__)]
            found = explained(error, owners, of_init(type(self)), args, options)
            if found is error:
                raise
            raise found from None

    return call
