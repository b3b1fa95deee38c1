"""The engine's threads. Their number changes the speed, and never the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from ostinato import _core, checks

R = TypeVar("R")

MOST: Final = 1024


def set_num_threads(n: int) -> None:
    """Sets the number of threads of all later calls.

    Raises ConfigError for anything but an integer from 1 to 1024.
    """
    _core.set_num_threads(checks.whole("set_num_threads", "n", n, at_least=1, at_most=MOST))


def get_num_threads() -> int:
    """The number of threads in use."""
    return _core.get_num_threads()


def with_num_threads(n: int, work: Callable[[], R]) -> R:
    """`work()` with so many threads; afterwards, also after Ctrl-C at any moment, the number is as before.

    Raises ConfigError as `set_num_threads`.
    """
    before = get_num_threads()
    try:
        set_num_threads(n)
        return work()
    finally:
        try:
            set_num_threads(before)
        except BaseException:  # such as Ctrl-C in the middle
            set_num_threads(before)
            raise
