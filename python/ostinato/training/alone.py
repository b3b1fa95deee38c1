"""`Alone`: one function at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ostinato.errors import ConcurrentUseError

R = TypeVar("R")


class Alone:
    """Runs one function at a time; the next one is refused, not delayed."""

    def __init__(self, what: str) -> None:
        """`what` is used: "trainer"."""
        self._what = what
        self._user: dict[str, object] = {}

    @property
    def is_busy(self) -> bool:
        """Whether a function runs."""
        return bool(self._user)

    def run(self, call: str, work: Callable[[], R]) -> R:
        """`work()`. Raises ConcurrentUseError, naming the `call`, while another function runs.

        After an error at any point, such as Ctrl-C, the next function can run. The release needs no call, so
        Python handles no signal in the middle of it.
        """
        me = object()
        try:
            if self._user.setdefault("now", me) is not me:
                raise ConcurrentUseError(
                    f"{call}: this {self._what} is busy; a {self._what} does one thing at a time"
                )
            return work()
        finally:
            if "now" in self._user and self._user["now"] is me:
                del self._user["now"]
