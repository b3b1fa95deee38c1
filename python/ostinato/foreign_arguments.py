"""Arguments that other frameworks have: an error that says what to write here, not Python's TypeError."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from ostinato.errors import ConfigError, shown
from ostinato.suggest import did_you_mean

Function = TypeVar("Function", bound=Callable[..., Any])


def hinted(owner: str, usage: str, hints: Mapping[str, str]) -> Callable[[Function], Function]:
    """Decorates a function: arguments that do not fit it are a ConfigError that names `owner`.

    usage: the line to write. hints: the argument of another framework -> what to do here.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        variable = inspect.Parameter.VAR_POSITIONAL
        known = [
            name for name, one in signature.parameters.items() if one.kind is not variable and name != "self"
        ]

        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            for name in options:
                if name not in known:
                    hint = hints.get(name) or did_you_mean(name, known, "arguments")
                    raise ConfigError(f"{owner} has no argument {shown(name)}; {hint}")
            try:
                signature.bind(*args, **options)
            except TypeError as error:
                raise ConfigError(f"{owner}: {error}; {usage}") from None
            return function(*args, **options)

        return call  # type: ignore[return-value]

    return decorate
