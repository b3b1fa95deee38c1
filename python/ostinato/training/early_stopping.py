"""Stops a run that makes no more progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.checks import flag, number, whole
from ostinato.direction import Direction
from ostinato.errors import ConfigError, shown
from ostinato.foreign.calls import hinted
from ostinato.specs import hookimpl
from ostinato.training.run import TrainingRun


class EarlyStopping(AttributeGuard):
    """Stops the run when `patience` consecutive epochs do not improve `metric`.

    An improvement is lower (`mode="min"`) or higher ("max") by more than `min_delta`. With "auto", the
    `better` of the metric decides; a loss is better if it is lower. With `restore_best`, the parameters of
    the best epoch are restored when the run ends. Source: Prechelt 1998, "Early stopping -
    but when?".
    """

    _fixed = ("metric", "patience", "min_delta", "mode", "restore_best", "adds_metrics")
    adds_metrics: ClassVar[bool] = False

    @hinted("EarlyStopping")
    def __init__(
        self,
        metric: str = "val_loss",
        *,
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        self._direction = Direction("EarlyStopping", metric, mode)
        self.metric, self.mode = metric, mode
        self.patience = whole("EarlyStopping", "patience", patience, at_least=1)
        self.min_delta = number("EarlyStopping", "min_delta", min_delta, at_least=0)
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)
        self._begin()

    def __repr__(self) -> str:
        settings = {"mode": self.mode, "patience": self.patience, "min_delta": self.min_delta}
        return call(self, self.metric, **settings, restore_best=self.restore_best)

    @hookimpl
    def ostinato_run_start(self, run: TrainingRun) -> None:
        """Start counting; raise ConfigError if neither the run nor a plugin measures the metric.

        Also if nothing says whether the metric should fall or rise.
        """
        measured = run.history.measured
        if not run.others_measure and not measured.has(self.metric):
            raise ConfigError(f"{shown(self.metric)} is not measured; {measured.missing(self.metric)}")
        self._direction.resolve(measured.better)
        self._begin()

    def _begin(self) -> None:
        self.best = math.nan
        self.best_epoch, self.waited = -1, 0
        self._parameters: Any = None

    @hookimpl
    def ostinato_epoch_end(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Compare with the best epoch so far."""
        if self.metric not in metrics:
            measured = run.history.measured
            raise ConfigError(
                f"{shown(self.metric)} is not measured; {measured.absent(self.metric, metrics)}"
            )
        value = metrics[self.metric]
        if self._direction.improves(value, self.best, self.min_delta):
            self.best, self.best_epoch, self.waited = value, epoch, 0
            self._parameters = np.array(run.net.arena) if self.restore_best else None
        else:
            self.waited += 1

    @hookimpl
    def ostinato_should_stop(self) -> str | None:
        """Stop when patience is exhausted; say why."""
        if self.waited < self.patience:
            return None
        best = "no epoch was better than NaN"
        if self.best_epoch >= 0:
            best = f"the best was {self.best:.4g} in epoch {self.best_epoch}"
            best += ", whose parameters are restored" if self.restore_best else ""
        return f"EarlyStopping: {self.metric} did not improve for {self.waited} epochs; {best}"

    @hookimpl
    def ostinato_run_end(self, run: TrainingRun) -> None:
        """Restore the best parameters, unless something else stopped the run."""
        if self._parameters is not None and (run.done_early or not run.stopped):
            run.net.arena[...] = self._parameters

    @hookimpl
    def ostinato_save(self) -> dict[str, Any]:
        """The counts."""
        return {
            "best": self.best,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "parameters": self._parameters,
        }

    @hookimpl
    def ostinato_load(self, state: Mapping[str, Any]) -> None:
        """Continue counting."""
        self.best, self.best_epoch, self.waited = state["best"], state["best_epoch"], state["waited"]
        self._parameters = state["parameters"]
