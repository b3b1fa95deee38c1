"""Checks of hyper-parameters: errors name the argument, and are raised before anything is changed."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Final

from ostinato.errors import ConfigError, shown

# Of features, rows, steps or threads: no machine has more.
LARGEST_COUNT: Final = 2**31 - 1


def number(
    owner: str,
    name: str,
    value: object,
    *,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a float, or raise a ConfigError that names `owner` and the argument `name`.

    The value must be finite, and inside the given limits: `at_least` is inclusive, `above` and `below` are
    not.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected a number")
    result = float(value)
    if not math.isfinite(result):
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected a finite number")
    if at_least is not None and result < at_least:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected at least {at_least:g}")
    if above is not None and result <= above:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected more than {above:g}")
    if below is not None and result >= below:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected less than {below:g}")
    return result


def whole(owner: str, name: str, value: object, *, at_least: int) -> int:
    """Return `value` as an int of at least `at_least`, or raise a ConfigError that names the argument."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < at_least:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected an integer of at least {at_least}")
    return int(value)


def count(owner: str, name: str, value: object, *, at_least: int) -> int:
    """The same for a count of the core, which is at most 2**31 - 1."""
    counted = whole(owner, name, value, at_least=at_least)
    if counted > LARGEST_COUNT:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected at most {LARGEST_COUNT}")
    return counted


def flag(owner: str, name: str, value: object) -> bool:
    """Return `value` if it is True or False, or raise a ConfigError that names the argument."""
    if not isinstance(value, bool):
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected True or False")
    return value


def choice(owner: str, name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`, or raise a ConfigError that lists them."""
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected one of {', '.join(choices)}")
    return value
