"""Options that have another name now: the old name works, with a warning."""

from __future__ import annotations

import importlib.metadata
import sys
import warnings
from collections.abc import Mapping
from typing import Any, TypeAlias

from ostinato.errors import ConfigError, shown

Renamed: TypeAlias = Mapping[str, "str | tuple[str, str]"]
"""Old name -> new name, or (new name, the release that takes the new name only)."""


def translated(owner: str, made: type, renamed: Renamed, options: dict[str, Any]) -> dict[str, Any]:
    """The options with new names, after a DeprecationWarning for each old one.

    Raises ConfigError for an old name whose new one is given too, and for a declaration of another form.
    """
    found = dict(options)
    for old, (new, until) in _read(owner, renamed).items():
        if old not in options:
            continue
        if new in options:
            raise ConfigError(
                f"{owner}: {shown(old)} is the old name of {shown(new)}, and both are given; "
                f"keep {shown(new)}"
            )
        found[new] = found.pop(old)
        release = _release(made)
        still = f" {release} still accepts {shown(old)}" if release else f" {shown(old)} is still accepted"
        end = f", until release {until}" if until else ""
        warnings.warn(
            f"{owner}: the option {shown(old)} is called {shown(new)} now; write {new}={shown(options[old])}."
            f"{still}{end}",
            DeprecationWarning,
            stacklevel=_callers(),
        )
    return found


def _read(owner: str, renamed: Any) -> dict[str, tuple[str, str]]:
    message = f"{owner}: renamed is {shown(renamed)}; expected a dict of new names by old name"
    if not isinstance(renamed, Mapping):
        raise ConfigError(message)
    found: dict[str, tuple[str, str]] = {}
    for old, new in renamed.items():
        pair = (new, "") if isinstance(new, str) else new
        if not isinstance(old, str) or not isinstance(pair, tuple) or list(map(type, pair)) != [str, str]:
            raise ConfigError(message)
        found[old] = pair
    return found


def _release(made: type) -> str:
    """The distribution whose plugin has the class, with its version; "" if there is none."""
    package = made.__module__.partition(".")[0]
    for one in importlib.metadata.distributions():
        for point in one.entry_points:
            if point.group == "ostinato" and point.value.partition(":")[0].partition(".")[0] == package:
                return f"{one.name} {one.version}"
    return ""


def _callers() -> int:
    """The level, for `warn` in `translated`, of the first frame that is not of this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "ostinato":
        frame, level = frame.f_back, level + 1
    return level
