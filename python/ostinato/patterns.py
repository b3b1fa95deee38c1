"""Patterns of parameter names: `*`, `?`, `[...]`, as in fnmatch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

from ostinato.errors import ConfigError, shown
from ostinato.suggest import did_you_mean

Aliases: TypeAlias = Mapping[str, Sequence[str]]
"""Name of a parameter -> the other names that it has."""


def matches(pattern: str, name: str, aliases: Aliases) -> bool:
    """Whether a pattern matches a parameter by one of its names."""
    return any(fnmatchcase(one, pattern) for one in (name, *aliases.get(name, ())))


def matches_nothing(owner: str, pattern: str, names: Iterable[str]) -> ConfigError:
    """The error for a pattern that matches none of `names`."""
    return ConfigError(
        f"{owner} {shown(pattern)} matches no parameter; {did_you_mean(pattern, names, 'names')}"
    )


def matching(owner: str, patterns: Sequence[object], names: Sequence[str], aliases: Aliases) -> list[str]:
    """The names that some pattern matches, in the order of `names`.

    Raises ConfigError for a pattern that matches nothing, or is no text.
    """
    found: set[str] = set()
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise ConfigError(
                f"{owner} {shown(pattern)}; expected names or patterns of names, each an argument of its own"
            )
        own = {name for name in names if matches(pattern, name, aliases)}
        if not own:
            raise matches_nothing(owner, pattern, names)
        found |= own
    return [name for name in names if name in found]
