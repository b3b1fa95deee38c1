"""The engine's threads. Their number changes the speed, and never the results."""

from __future__ import annotations

from typing import Final

from ostinato import _core, checks

MOST: Final = 1024


def set_num_threads(n: int) -> None:
    """Sets the number of threads of all later calls.

    Raises ConfigError for anything but an integer from 1 to 1024.
    """
    _core.set_num_threads(checks.whole("set_num_threads", "n", n, at_least=1, at_most=MOST))


def get_num_threads() -> int:
    """The number of threads in use."""
    return _core.get_num_threads()
