"""Finds the built-ins: every class of a kind that is defined in a file of its folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from ostinato.errors import ConfigError, shown
from ostinato.options import Configured
from ostinato.suggest import did_you_mean


def leaves(package: str, base: type[Configured]) -> dict[str, type[Configured]]:
    """Return the classes derived from `base` in the files of `package`, by registry name, in file order."""
    return dict(_leaves(package, base))


@cache  # an initializer is found by its name for each parameter of each network
def _leaves(package: str, base: type[Configured]) -> dict[str, type[Configured]]:
    folder = importlib.import_module(package).__path__
    found = {}
    for file in sorted(one.name for one in pkgutil.iter_modules(folder)):
        module = importlib.import_module(f"{package}.{file}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, base) and value is not base:
                # A class counts in the file that defines it, not where it is imported; classes called _Name
                # do not count.
                if value.__module__ == module.__name__ and not value.__name__.startswith("_"):
                    found[value.name] = value
    return found


def make(package: str, base: type[Configured], name: object, options: Mapping[str, Any]) -> Configured:
    """Make the class called `name` with these options; raise ConfigError for an unknown name."""
    known = _leaves(package, base)
    if not isinstance(name, str) or name not in known:
        hint = did_you_mean(name if isinstance(name, str) else "", known, "built in")
        raise ConfigError(f"name: unknown {base.kind} {shown(name)}; {hint}")
    return known[name](**options)
