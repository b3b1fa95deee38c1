"""The names of the hooks: those that register names, those of a run, and all of them."""

from __future__ import annotations

from typing import Final

from ostinato.plugins.hookspecs import Hooks
from ostinato.plugins.lifecycle import LifecycleHooks


def _of(home: type) -> tuple[str, ...]:
    return tuple(name for name in vars(home) if name.startswith("ostinato_"))


REGISTRATION: Final = _of(Hooks)
LIFECYCLE: Final = _of(LifecycleHooks)
HOOKS: Final = REGISTRATION + LIFECYCLE
