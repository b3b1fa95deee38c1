"""Settings of an optimizer for named groups of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ostinato.errors import ConfigError, shown
from ostinato.patterns import Aliases, matches, matches_nothing
from ostinato.suggest import did_you_mean

Groups: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Name or pattern of names (`*`, `?`, `[...]`, as in fnmatch) -> options that differ there."""


def read_groups(
    owner: str, groups: object, options: Sequence[str], scalars: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Copy `groups`. Raises ConfigError for unknown options, and for those in `scalars` other than `lr`."""
    if groups is None:
        return {}
    if not isinstance(groups, Mapping):
        raise ConfigError(f"{owner}: groups is {shown(groups)}; expected {{pattern: {{option: value}}}}")
    shared = [one for one in scalars if one != "lr"]
    free = [one for one in options if one != "groups" and one not in shared]
    for pattern, settings in groups.items():
        if not isinstance(pattern, str) or not pattern:
            raise ConfigError(
                f"{owner}: group {shown(pattern)}; expected a parameter's name or a pattern of names"
            )
        if not isinstance(settings, Mapping):
            raise ConfigError(
                f"{owner}: group {shown(pattern)} is {shown(settings)}; expected {{option: value}}"
            )
        for option in settings:
            if option in shared:
                raise ConfigError(
                    f"{owner}: group {shown(pattern)} sets {option}, which must be the same for all "
                    "parameters"
                )
            if option not in free:
                hint = did_you_mean(str(option), free, "options of a group")
                raise ConfigError(f"{owner}: group {shown(pattern)} sets {shown(option)}; {hint}")
    return {pattern: dict(settings) for pattern, settings in groups.items()}


def group_of(owner: str, groups: Groups, names: Sequence[str], aliases: Aliases) -> dict[str, str | None]:
    """The group of each name, None for the rest. A pattern may match one of the `aliases` of a name.

    Raises ConfigError for a name that two groups match, and for a group that matches none.
    """
    found: dict[str, str | None] = {}
    for name in names:
        matching = [pattern for pattern in groups if matches(pattern, name, aliases)]
        if len(matching) > 1:
            raise ConfigError(
                f"{owner}: parameter {shown(name)} is in the groups {matching}; expected one at most"
            )
        found[name] = matching[0] if matching else None
    for pattern in groups:
        if pattern not in found.values():
            raise matches_nothing(f"{owner}: group", pattern, names)
    return found
