"""Calls that do not fit a function or a class: a CallError that says what to write, not a TypeError."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, TypeVar

from ostinato.errors import CallError, OstinatoError, shown
from ostinato.foreign.arguments import ARGUMENTS
from ostinato.suggest import did_you_mean

Function = TypeVar("Function", bound=Callable[..., Any])


def hinted(owner: str) -> Callable[[Function], Function]:
    """Decorates a function: arguments that do not fit it are a CallError with the hints of `owner`."""
    return lambda function: _explaining(function, lambda args: owner)


def hinted_method(method: Function) -> Function:
    """The same of a method; its owner is the class that is used, as in "SequenceClassifier.fit"."""
    return _explaining(method, lambda args: f"{type(args[0]).__name__}.{method.__name__}")


def _explaining(function: Function, owner: Callable[[tuple[Any, ...]], str]) -> Function:
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        except TypeError as error:
            found = explained(error, (owner(args),), signature, args, options)
            if found is error:
                raise
            raise found from None

    return call  # type: ignore[return-value]


def explained(
    error: TypeError,
    owners: Iterable[str],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    options: Mapping[str, Any],
) -> Exception:
    """The error itself, or a CallError if these arguments do not fit the signature.

    owners: the names under which hints are looked up; the first one is in the message.
    """
    if isinstance(error, OstinatoError):
        return error
    try:
        signature.bind(*args, **options)
    except TypeError as misfit:
        owners = list(owners)
        parameters = [one for one in signature.parameters.values() if one.name != "self"]
        known = [one.name for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            for name in options:
                if name not in known:
                    hint = argument_hint(owners, name) or did_you_mean(name, known, "arguments")
                    return CallError(f"{owners[0]} has no argument {shown(name)}; {hint}")
        return CallError(f"{owners[0]}: {misfit}; {usage(owners, parameters)}")
    return error


def argument_hint(owners: Iterable[str], name: str) -> str:
    """What to write instead of an argument of another framework; "" if it is none of them."""
    for owner in owners:
        if owner in ARGUMENTS and name in ARGUMENTS[owner].hints:
            return ARGUMENTS[owner].hints[name]
    return ""


def usage(owners: Iterable[str], parameters: Iterable[inspect.Parameter]) -> str:
    """How a call is written."""
    owners = list(owners)
    for owner in owners:
        if owner in ARGUMENTS and ARGUMENTS[owner].usage:
            return ARGUMENTS[owner].usage
    shown_parameters = [
        f"{one.name}=..." if one.kind is one.KEYWORD_ONLY else one.name
        for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    optional = [one.name for one in parameters if one.default is not one.empty]
    more = f"; optional: {', '.join(optional)}, by their names" if optional else ""
    return f"write {owners[0]}({', '.join(shown_parameters)}){more}"
