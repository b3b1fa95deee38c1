"""Resolves an argument: a name, a class or an instance, by the same rules for every kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from ostinato import checks
from ostinato.errors import ConfigError, DTypeError, OstinatoError, shown
from ostinato.foreign.calls import argument_hint
from ostinato.options import Configured, ConfiguredMeta
from ostinato.plugins.entry import BUILTIN, Entry
from ostinato.specs import SPECS
from ostinato.suggest import did_you_mean

Made = TypeVar("Made")


@dataclass(frozen=True)
class Choice(Generic[Made]):
    """An instance, its name in messages and files, and its entry if it was given by name."""

    made: Made
    name: str
    entry: Entry | None = None


def choose(
    resolve: Callable[..., Entry],
    kind: str,
    given: Any,
    base: type[Made],
    options: Mapping[str, Any] | None,
    argument: str,
    others: Sequence[str],
) -> Choice[Made]:
    """The choice that `Registry.choose` describes; `resolve` is the registry's."""
    if not isinstance(base, type):
        raise DTypeError(f"base is {shown(base)}; expected a class")
    if options is not None:
        checks.mapping("choose", "options", options, "a dict of options by name")
    checks.text("choose", "argument", argument)
    more = dict(options or {})
    if isinstance(given, str):
        entry = resolve(kind, given, argument=argument)
        what = f"{kind} {entry.shown!r}"
        more = _new_names(what, entry.spec.factory, more)
        _check_options(what, entry.spec.factory, entry, None if options is None else more, others)
        made = _call(what, entry.make, more)
        name = entry.shown
    elif isinstance(given, type) and issubclass(given, base):
        entry, name = None, getattr(given, "name", "") or given.__name__
        what = f"{kind} {name!r}"
        more = _new_names(what, given, more)
        _check_options(what, given, None, None if options is None else more, others)
        made = _call(what, given, more)
    elif _fits(kind, given, base):
        if more:
            option = next(iter(more))
            raise ConfigError(
                f"{argument} is an instance, so the option {shown(option)} belongs to its making: "
                f"write {type(given).__name__}({option}=...)"
            )
        return Choice(given, getattr(given, "name", ""))
    else:
        raise DTypeError(f"{argument} is {_shown(given)}; expected {_expected(kind, base)}")
    if not _fits(kind, made, base):
        source = ""
        if entry is not None and entry.provider.is_foreign:
            source = f" of {entry.provider.distribution} {entry.provider.version}"
        function = f" or a function {SPECS[kind].function}" if SPECS[kind].function else ""
        raise ConfigError(
            f"{what}{source} makes an object of type {type(made).__name__}; "
            f"expected an instance of {base.__name__}{function}"
        )
    return Choice(cast(Made, made), name, entry)


def _fits(kind: str, value: Any, base: type) -> bool:
    takes_functions = SPECS[kind].function != ""
    return isinstance(value, base) or (takes_functions and callable(value) and not isinstance(value, type))


def _shown(given: Any) -> str:
    noun = f"the {given.kind} " if isinstance(given, Configured) else ""
    return f"the class {given.__name__}" if isinstance(given, type) else f"{noun}{shown(given)}"


def _expected(kind: str, base: type) -> str:
    spec = SPECS[kind]
    example = f" such as {spec.instance}" if spec.instance else ""
    function = f", or a function {spec.function}" if spec.function else ""
    return f"a name, a subclass of {base.__name__}, or an instance{example}{function}"


def _new_names(what: str, factory: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with new names for those that the class has renamed."""
    renamed = getattr(factory, "renamed", {}) if isinstance(factory, ConfiguredMeta) else {}
    if not renamed or not any(option in renamed for option in options):
        return options
    from ostinato.renamed import translated

    return translated(what, factory, renamed, options)


def _check_options(
    what: str,
    factory: Any,
    entry: Entry | None,
    options: Mapping[str, Any] | None,
    others: Sequence[str],
) -> None:
    """Returns an error for an unknown option of the factory, and for missing required ones."""
    # The signature of a class would be that of `__new__`, which accepts anything.
    maker = cast(Any, factory).__init__ if isinstance(factory, type) else factory
    try:
        parameters = list(inspect.signature(maker).parameters.values())
    except (TypeError, ValueError):  # A function of a compiled module may have none.
        return
    parameters = parameters[1:] if isinstance(factory, type) else parameters
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [one for one in parameters if one.kind not in variable]
    known = [one.name for one in named]
    given = options or {}
    for option in given:
        if option not in known and not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
            kind = getattr(factory, "kind", "") if entry is None else entry.kind
            hint = argument_hint([getattr(factory, "__name__", ""), kind], option)
            raise ConfigError(
                f"{what} has no option {shown(option)}; "
                f"{hint or did_you_mean(option, [*known, *others], 'options')}"
            )
    missing = [one.name for one in named if one.default is one.empty and one.name not in given]
    if not missing:
        return
    if options is not None:
        what_to_do = f"pass {', '.join(f'{name}=...' for name in missing)} too"
    elif isinstance(factory, type):
        what_to_do = f"pass {_home(factory, entry)}{factory.__name__}({_arguments(named)})"
    else:
        what_to_do = "make it yourself, and pass what you made"
    raise ConfigError(f"{what} has required arguments ({', '.join(missing)}); {what_to_do}")


def _arguments(parameters: Iterable[inspect.Parameter]) -> str:
    """The arguments of a call as text, without the optional ones that need their names."""
    shown = []
    for one in parameters:
        if one.kind is not one.KEYWORD_ONLY:
            shown.append(one.name)
        elif one.default is one.empty:
            shown.append(f"{one.name}=...")
    return ", ".join(shown)


def _home(made: type, entry: Entry | None) -> str:
    """The prefix of a built-in class in a program."""
    if entry is None or entry.provider.id != BUILTIN:
        return ""
    _, room, *_ = made.__module__.split(".")
    return f"ost.{room}."


def _call(what: str, make: Callable[..., Any], options: dict[str, Any]) -> Any:
    try:
        return make(**options)
    except TypeError as error:
        if isinstance(error, OstinatoError):
            raise
        with_options = f" with the options {shown(options)}" if options else ""
        raise ConfigError(f"{what} cannot be made{with_options}: {error}") from error
