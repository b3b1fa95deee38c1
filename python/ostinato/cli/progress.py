"""How training is going: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

# A log file gets a line this often, in seconds.
LINE_EVERY = 10.0


class Progress:
    """A context in which `update` shows share done, bits per character, characters per second and time left.

    On a terminal, with the extra [progress], a bar that is redrawn; otherwise plain lines.
    """

    def __init__(self) -> None:
        self._start = self._last_line = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        self._start = self._last_line = time.monotonic()
        if sys.stdout.isatty():
            self._bar = _bar()
        if self._bar is not None:
            self._task = self._bar.add_task("training", total=1.0, figures="", left="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: float, bits: float, characters: int) -> None:
        """done: share 0..1 of the training; bits: per character, lately; characters: seen so far."""
        now = time.monotonic()
        elapsed = max(now - self._start, 1e-9)
        left = elapsed * (1.0 - done) / done if done > 0 else 0.0
        figures = f"{bits:.3f} bits/char  {characters / elapsed:,.0f} chars/s"
        clock = f"{int(left) // 60}:{int(left) % 60:02d} left"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, figures=figures, left=clock)
        elif now - self._last_line >= LINE_EVERY or done >= 1.0:
            self._last_line = now
            print(f"{done:6.1%}  {figures}  {clock}", flush=True)


def _bar() -> Any:
    """The bar, or None without the extra [progress]."""
    try:
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as RichProgress
    except ImportError:
        return None
    return RichProgress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TextColumn("{task.fields[left]}"),
    )
