"""Checkpoints during training."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import ClassVar

from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.checks import file_name, path_to_write, whole
from ostinato.direction import Direction
from ostinato.errors import ConfigError, shown
from ostinato.foreign.calls import hinted
from ostinato.specs import hookimpl
from ostinato.training.run import TrainingRun


class Checkpoints(AttributeGuard):
    """Writes a checkpoint to `path` at intervals of epochs or updates, replacing the last one.

    The previous file stays until the new one is complete and on the disk. `fit(..., resume=path)` resumes
    from it, and `ostinato.load(path)` reads its network. Give one of `every_epochs`, `every_steps` and
    `best`; with none, every epoch.

    best: the name of a measurement, such as "val_loss": write after an epoch that is better than all before,
    also than those of the run that is resumed. mode: "min", "max", or "auto", where the metric's `better`
    decides.

    Raises ConfigError, DTypeError; in a run, before it trains, ConfigError for a name that is not measured,
    and for a path that cannot be written.
    """

    _fixed = ("path", "adds_metrics")
    adds_metrics: ClassVar[bool] = False

    @hinted("Checkpoints")
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        every_epochs: int | None = None,
        every_steps: int | None = None,
        best: str | None = None,
        mode: str = "auto",
    ) -> None:
        given = {"every_epochs": every_epochs, "every_steps": every_steps, "best": best}
        names = [name for name, value in given.items() if value is not None]
        if len(names) > 1:
            both = "both" if len(names) == 2 else "all"
            raise ConfigError(f"Checkpoints: {' and '.join(names)} are {both} given; expected one of them")
        if best is None and not (isinstance(mode, str) and mode == "auto"):
            raise ConfigError(f"Checkpoints: mode is {shown(mode)}, but best is not given; omit mode")
        file_name("Checkpoints: path", path)
        self.path = path
        for name, value in (("every_epochs", every_epochs), ("every_steps", every_steps)):
            if value is not None:
                whole("Checkpoints", name, value, at_least=1)
        self._epochs = every_epochs if names else 1
        self._steps = every_steps
        self._direction = None if best is None else Direction("Checkpoints", best, mode, "best")
        self._column, self._best = best, math.nan

    def __repr__(self) -> str:
        every = {"every_epochs": self._epochs, "every_steps": self._steps, "best": self._column}
        return call(self, self.path, **every)

    @hookimpl
    def ostinato_run_start(self, run: TrainingRun) -> None:
        """Find the best epoch so far.

        Raises ConfigError if the measurement is unknown, or if the folder of the path cannot be written.
        """
        if run.chief:
            path_to_write("Checkpoints: path", self.path)
        if self._direction is None or self._column is None:
            return
        measured = run.history.measured
        if not run.others_measure and not measured.has(self._column):
            raise ConfigError(f"{shown(self._column)} is not measured; {measured.missing(self._column)}")
        self._direction.resolve(measured.better)
        self._best = math.nan

    @hookimpl
    def ostinato_batch_end(self, run: TrainingRun, step: int) -> None:
        """Request a checkpoint after enough updates."""
        if self._steps and (step + 1) % self._steps == 0 and not run.waiting:
            run.save(self.path)

    @hookimpl
    def ostinato_epoch_end(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Request a checkpoint after enough epochs, or after the best one."""
        if self._epochs and (epoch + 1) % self._epochs == 0:
            run.save(self.path)
        if self._direction is None or self._column is None:
            return
        if self._column not in metrics:
            measured = run.history.measured
            raise ConfigError(
                f"{shown(self._column)} is not measured; {measured.absent(self._column, metrics)}"
            )
        # The epochs of a resumed run count: its history is there before this hook, but after run_start.
        for row in [row for row in run.history.rows if row["epoch"] < epoch]:
            self._improves(row.get(self._column, math.nan))
        if self._improves(metrics[self._column]):
            run.save(self.path)

    def _improves(self, value: float) -> bool:
        """Whether it is better than all before."""
        assert self._direction is not None
        better = self._direction.improves(value, self._best, 0.0)
        if better:
            self._best = value
        return better
