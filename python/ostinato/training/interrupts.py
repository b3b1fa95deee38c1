"""Delays Ctrl-C until the current update is finished."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

R = TypeVar("R")


class Interrupts:
    """Delays Ctrl-C from `hold` to `release` while `during` runs a function, so that no update is half made.

    Otherwise, Ctrl-C works as before. If Python ignores the exception, as in a destructor, it is raised again
    before the next update, so that no interrupt is lost. Only the main thread receives signals: in other
    threads this does nothing.
    """

    def __init__(self) -> None:
        self._previous: Any = None
        self._installed = False
        self.holding = False
        """Whether an interrupt waits. After an error, `during` sets it first: Python handles signals at calls
        and loops, not at an assignment, so no interrupt comes between."""
        self._pending: tuple[int, FrameType | None] | None = None
        # An interrupt that was raised and has not left `during` yet.
        self._raised: tuple[int, FrameType | None] | None = None

    def during(self, work: Callable[[], R]) -> R:
        """`work()` with the handler of this class. An interrupt that still waits is raised at the end."""
        self._installed = self.holding = False
        self._pending = self._raised = None
        try:
            self._install()
            return work()
        finally:
            self.holding = True  # before any call: an interrupt there would leave our handler installed
            try:
                self._put_back()
            except BaseException:  # of the handler of another signal
                self._put_back()
                raise
            self.release()

    def _install(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            # None: not installed by Python code, so it cannot be restored.
            if self._previous is not None:
                self._installed = True
                signal.signal(signal.SIGINT, self._received)

    def _put_back(self) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)
        self._installed, self._raised = False, None

    def hold(self) -> None:
        """Delays an interrupt from now on. First raises one that was raised before and ignored."""
        if self._raised is not None:
            self._act(*self._raised)
        self.holding = True

    def settle(self) -> None:
        """Interrupts are raised again, unless one waits: then `release` raises it later."""
        self.holding = self._pending is not None

    def release(self) -> None:
        """Interrupts are raised again, first of all a delayed one."""
        self.holding = False
        if self._pending is not None:
            number, frame = self._pending
            self._pending = None
            self._act(number, frame)

    def _received(self, number: int, frame: FrameType | None) -> None:
        if self.holding:
            self._pending = (number, frame)
        else:
            self._act(number, frame)

    def _act(self, number: int, frame: FrameType | None) -> None:
        self._raised = None
        try:
            if callable(self._previous):
                self._previous(number, frame)
            elif self._previous == signal.SIG_DFL:
                raise KeyboardInterrupt
        except BaseException:
            self._raised = (number, frame)
            raise
