"""Which plugins may be used: the environment variables OSTINATO_PLUGINS and OSTINATO_PLUGINS_STRICT.

`OSTINATO_PLUGINS=none` is no plugin, `only:a,b` is these, `no:a,b` is all but these; a plugin is named by its
id, its distribution or its namespace. `OSTINATO_PLUGINS_STRICT=1` makes the first broken, incompatible or
conflicting plugin an error instead of a warning.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ostinato.errors import ConfigError, shown
from ostinato.plugins.entry import Provider

VARIABLE: Final = "OSTINATO_PLUGINS"
STRICT: Final = "OSTINATO_PLUGINS_STRICT"


@dataclass(frozen=True)
class Selection:
    """`mode` "all", "none", "only" or "no", and the names that go with it."""

    mode: str = "all"
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Selection:
        """The selection of a value of OSTINATO_PLUGINS; "" is all. Raises ConfigError."""
        mode, colon, rest = text.strip().partition(":")
        names = tuple(name.strip() for name in rest.split(",") if name.strip())
        if not text.strip():
            return cls()
        if mode == "none" and not colon:
            return cls("none")
        if mode in ("only", "no") and names:
            return cls(mode, names)
        raise ConfigError(f"{VARIABLE} is {shown(text)}; expected none, only:NAME,NAME or no:NAME,NAME")

    def refusal(self, provider: Provider) -> str:
        """Why the plugin is disabled, or "" if it is not."""
        named = any(provider.is_called(name) for name in self.names)
        if self.mode == "none" or (self.mode == "no" and named) or (self.mode == "only" and not named):
            names = f":{','.join(self.names)}" if self.names else ""
            return f"{VARIABLE}={self.mode}{names} disables it"
        return ""

    def strangers(self, providers: Sequence[Provider]) -> list[str]:
        """Names without a plugin: they may be misspelled."""
        return [name for name in self.names if not any(one.is_called(name) for one in providers)]


def selection() -> Selection:
    """The selection of this process. Raises ConfigError."""
    return Selection.of(os.environ.get(VARIABLE, ""))


def is_strict() -> bool:
    """Whether a plugin that cannot be used is an error. Raises ConfigError."""
    value = os.environ.get(STRICT, "")
    if value not in ("", "0", "1"):
        raise ConfigError(f"{STRICT} is {shown(value)}; expected 1, or 0")
    return value == "1"
