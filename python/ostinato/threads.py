"""The engine's threads. Their number changes the speed, and never the results."""

from __future__ import annotations

from ostinato import _core, checks


def set_num_threads(n: int) -> None:
    """Sets the number of threads of all later calls.

    Raises ConfigError for anything but an integer from 1 to 2**31 - 1; more than 1024 count as 1024.
    """
    _core.set_num_threads(checks.count("set_num_threads", "n", n, at_least=1))


def get_num_threads() -> int:
    """The number of threads in use."""
    return _core.get_num_threads()
