"""Progress of a run: a bar on a terminal, otherwise a line at intervals."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ostinato import checks
from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.specs import hookimpl
from ostinato.training.run import TrainingRun

# Seconds between lines if the output is not a terminal.
LINE_EVERY = 10.0


class Progress(AttributeGuard):
    """Shows the completed share, the loss, and the time left: `callbacks=[Progress()]`.

    On a terminal, with the extra [progress], a bar; otherwise plain lines on standard output. `figures`
    returns the text next to the bar from the run and the metrics of the last update; `done` returns the
    completed share 0..1, by default the run's own.
    """

    _fixed = ("adds_metrics",)
    adds_metrics: ClassVar[bool] = False

    def __init__(
        self,
        figures: Callable[[TrainingRun, Mapping[str, float]], str] | None = None,
        done: Callable[[TrainingRun], float] | None = None,
    ) -> None:
        for name, value in (("figures", figures), ("done", done)):
            if value is not None:
                checks.function("Progress", name, value, "of the run")
        self._figures = figures or _where_and_loss
        self._done = done or (lambda run: run.when.done)
        self._bar: Any = None
        self._task: Any = None
        self._start = self._last_line = self._at_start = 0.0
        self._metrics: Mapping[str, float] = {}

    def __repr__(self) -> str:
        return call(self)

    @hookimpl
    def ostinato_run_start(self, run: TrainingRun) -> None:
        """Create the bar."""
        self._start = self._last_line = time.monotonic()
        self._at_start = self._done(run)
        if sys.stdout.isatty() and run.chief:
            self._bar = _bar()
        if self._bar is not None:
            self._task = self._bar.add_task("training", total=1.0, figures="", left="")
            self._bar.start()

    @hookimpl
    def ostinato_batch_end(self, run: TrainingRun, metrics: Mapping[str, float]) -> None:
        """Update the bar."""
        self._metrics = metrics
        if self._bar is not None or time.monotonic() - self._last_line >= LINE_EVERY:
            self._show(run)

    @hookimpl
    def ostinato_run_end(self, run: TrainingRun) -> None:
        """Show the end, and remove the bar."""
        if self._metrics:
            self._show(run)
        self._stop()

    @hookimpl
    def ostinato_run_error(self) -> None:
        """Remove the bar."""
        self._stop()

    def _show(self, run: TrainingRun) -> None:
        if not run.chief:  # one of several processes
            return
        now, done = time.monotonic(), self._done(run)
        made = done - self._at_start
        left = (now - self._start) * (1.0 - done) / made if made > 0 else 0.0
        clock = f"{int(left) // 60}:{int(left) % 60:02d} left"
        figures = self._figures(run, self._metrics)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, figures=figures, left=clock)
        else:
            self._last_line = now
            print(f"{done:6.1%}  {figures}  {clock}", flush=True)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _where_and_loss(run: TrainingRun, metrics: Mapping[str, float]) -> str:
    parts = [f"{name} {value:.4f}" for name, value in metrics.items() if name.endswith(".loss")]
    of = f" ({', '.join(parts)})" if parts else ""
    return f"epoch {run.epoch}  step {run.step}  loss {metrics['loss']:.4f}{of}"


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
