"""`TensorBoard`: what a run measures, in the files that TensorBoard reads."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.tracking import messages
from ostinato.tracking.event_file import EventFile
from ostinato.tracking.tracker import Tracker
from ostinato.training.run import TrainingRun

BINS: Final = 30
"""Parts of a histogram: TensorBoard draws as many by default."""


class TensorBoard(Tracker):
    """Writes curves for TensorBoard: `Trainer(..., callbacks=[TensorBoard("runs/one")])`.

    `tensorboard --logdir runs` shows them; ostinato does not need that package. Curves are numbered by
    updates: `update/loss`, `update/grad_norm`, `update/lr`, and `epoch/...` with the columns of the history.
    A resumed run adds a file to the same folder, and replaces what was written after the place where it
    resumes. Give each run a folder of its own.

    Args:
        log_dir: the folder; it is made.
        update_every: updates between two points of `update/...`; 0 writes none.
        histogram_every: epochs between two histograms of each parameter; 0 writes none.
        hyper_parameters: numbers, texts and booleans by name, for the page HPARAMS; the optimizer and the
            seed are written too.

    Raises DTypeError, ConfigError; ConfigError in `fit` if the folder cannot be written. Later failures are
    warnings (`Tracker`).
    """

    name: ClassVar[str] = "tensorboard"

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "runs",
        *,
        update_every: int = 10,
        histogram_every: int = 0,
        hyper_parameters: Mapping[str, bool | float | str] | None = None,
    ) -> None:
        owner = "TensorBoard"
        self.log_dir = log_dir
        self._folder = checks.path(f"{owner}: log_dir", log_dir)
        self.update_every = checks.whole(owner, "update_every", update_every, at_least=0)
        self.histogram_every = checks.whole(owner, "histogram_every", histogram_every, at_least=0)
        self.hyper_parameters = None if hyper_parameters is None else _plain(owner, hyper_parameters)
        self._file: EventFile | None = None
        self._begun = False

    def __deepcopy__(self, memo: dict[int, object]) -> TensorBoard:
        """A copy that writes a file of its own."""
        return TensorBoard(**self._options)

    def begin(self, run: TrainingRun) -> None:
        """Make the file."""
        self._file = EventFile(self._folder)
        self._begun = False
        self._write(run.step, messages.version())

    def update(self, run: TrainingRun, step: int, metrics: Mapping[str, float]) -> None:
        """Write a point of each measurement, every `update_every` updates."""
        self._start(run, step)
        if self.update_every and step % self.update_every == 0:
            self._scalars("update", step, metrics)

    def epoch(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write a point of each column, and histograms every `histogram_every` epochs."""
        step = max(run.step - 1, 0)
        self._start(run, step)
        self._scalars("epoch", step, metrics)
        if self.histogram_every and epoch % self.histogram_every == 0:
            named = {name: np.asarray(values).ravel() for name, values in run.net.state_dict().items()}
            finite = {name: values[np.isfinite(values)] for name, values in named.items()}
            made = [
                messages.histogram(f"parameters/{name}", values, BINS)
                for name, values in finite.items()
                if values.size
            ]
            self._write(step, messages.summary(made))

    def end(self, run: TrainingRun) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _start(self, run: TrainingRun, step: int) -> None:
        """Before the first point of a `fit`: earlier points from this step on are void."""
        if self._begun:
            return
        self._begun = True
        self._write(step, messages.session_start())
        optimizer = run.optimizer
        known = {
            "optimizer": optimizer.name,
            **{name: value for name, value in optimizer.options.items() if isinstance(value, (int, float))},
            "seed": run.seed,
        }
        values = {**known, **(self.hyper_parameters or {})}
        self._write(step, messages.summary([messages.hyper_parameters(values, time.time())]))

    def _scalars(self, group: str, step: int, metrics: Mapping[str, float]) -> None:
        made = [messages.scalar(f"{group}/{name}", float(value)) for name, value in metrics.items()]
        self._write(step, messages.summary(made))

    def _write(self, step: int, what: bytes) -> None:
        if self._file is not None:
            self._file.write(messages.event(time.time(), step, what))


def _plain(owner: str, given: object) -> dict[str, bool | float | str]:
    """Raises DTypeError, ConfigError."""
    expected = "a dict of numbers, texts and booleans by name"
    made: dict[str, bool | float | str] = {}
    for name, value in checks.mapping(owner, "hyper_parameters", given, expected).items():
        value = value.item() if isinstance(value, np.generic) else value
        fits = isinstance(value, (bool, str)) or (isinstance(value, (int, float)) and math.isfinite(value))
        if not isinstance(name, str) or not fits:
            raise ConfigError(
                f"{owner}: hyper_parameters has {shown(name)}: {shown(value)}; expected a number, a text or "
                "a boolean by name"
            )
        made[name] = value
    return made
