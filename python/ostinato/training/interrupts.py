"""Delays Ctrl-C until the current update is finished."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interrupts:
    """A context that delays Ctrl-C from `hold` to `release`, so that no update is half made, after `begin`.

    Otherwise, Ctrl-C works as before. If Python ignores the exception, as in a destructor, it is raised again
    before the next update, so that no interrupt is lost. Only the main thread receives signals: in other
    threads this does nothing.
    """

    def __init__(self) -> None:
        self._previous: Any = None
        self._installed = self._holding = False
        self._pending: tuple[int, FrameType | None] | None = None
        # An interrupt that was raised and has not left this context yet.
        self._raised: tuple[int, FrameType | None] | None = None

    def __enter__(self) -> Interrupts:
        return self

    def begin(self) -> None:
        """Installs the handler: in the context, because an interrupt on the way in would leave it behind."""
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            # None: not installed by Python code, so it cannot be restored.
            if self._previous is not None:
                self._installed = True
                signal.signal(signal.SIGINT, self._received)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raised = None
        if self._installed:
            signal.signal(signal.SIGINT, self._previous)
            self._installed = False
        self.release()

    def hold(self) -> None:
        """Delays an interrupt from now on. First raises one that was raised before and ignored."""
        if self._raised is not None:
            self._act(*self._raised)
        self._holding = True

    def defer(self) -> None:
        """Delays an interrupt from now on, and raises none."""
        self._holding = True

    def settle(self) -> None:
        """Interrupts are raised again, unless one waits: then `release` raises it later."""
        self._holding = self._pending is not None

    def release(self) -> None:
        """Interrupts are raised again, first of all a delayed one."""
        self._holding = False
        if self._pending is not None:
            number, frame = self._pending
            self._pending = None
            self._act(number, frame)

    def _received(self, number: int, frame: FrameType | None) -> None:
        if self._holding:
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
