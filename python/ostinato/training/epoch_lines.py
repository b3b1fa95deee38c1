"""The line that `fit` prints after each epoch, and the reason why it ended early."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from ostinato.training.run import TrainingRun


class EpochLines:
    """Prints to standard error, so that a program's own output stays its own."""

    def __init__(self, run: TrainingRun, on: bool) -> None:
        self._run, self._on = run, on
        self._start = time.monotonic()

    def epoch(self, metrics: Mapping[str, float]) -> None:
        """The measurements of an epoch, and its seconds; the number of the epoch is that of the history."""
        now = time.monotonic()
        seconds, self._start = now - self._start, now
        figures = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self._print(f"epoch {self._run.epoch - 1}  {figures}  {seconds:.1f} s")

    def end(self) -> None:
        """Why the run ended before its last epoch, if it did."""
        run = self._run
        if run.stopped:
            inside = run.position.batch or run.position.piece
            at = f"{run.epoch}, batch {run.position.batch}" if inside else f"{run.epoch - 1}"
            self._print(f"stopped in epoch {at}: {run.stopped}")

    def _print(self, line: str) -> None:
        if self._on:
            print(line, file=sys.stderr, flush=True)
