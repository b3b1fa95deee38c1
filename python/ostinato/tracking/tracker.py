"""`Tracker`: the base of callbacks that pass on what a run measures."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

from ostinato.callback import Callback
from ostinato.errors import ConfigError, described
from ostinato.specs import hookimpl
from ostinato.training.run import TrainingRun


class Tracker(Callback):
    """Derive from it, and write some of the methods `begin`, `update`, `epoch` and `end`.

    An error of `begin` ends the `fit`: nothing is trained yet, so nothing is lost. An error of the other
    methods is a RuntimeWarning, once in a run, and the training continues: a full disk or a lost connection
    stops no run. Of several processes that train together, one calls the methods.
    """

    adds_metrics: ClassVar[bool] = False
    """It adds no columns to the history, so `fit` can refuse a misspelled name of a measurement."""
    _warned: bool = False

    def begin(self, run: TrainingRun) -> None:
        """Before the first batch of a `fit`."""

    def update(self, run: TrainingRun, step: int, metrics: Mapping[str, float]) -> None:
        """After update `step`, counted from 0; metrics: "loss", "grad_norm", "lr"."""

    def epoch(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """After epoch `epoch`, counted from 0; metrics: the columns of the history, which are read-only."""

    def end(self, run: TrainingRun) -> None:
        """After a `fit`, also one that ended with an error. `begin` may not have been called."""

    @hookimpl
    def ostinato_run_start(self, run: TrainingRun) -> None:
        """Begin; errors are raised."""
        self._warned = False
        if not run.chief:
            return
        try:
            self.begin(run)
        except OSError as error:
            raise ConfigError(
                f"{type(self).__name__}: {described(error)}; expected a place that can be written"
            ) from error

    @hookimpl(trylast=True)
    def ostinato_batch_end(self, run: TrainingRun, step: int, metrics: Mapping[str, float]) -> None:
        """Pass on the measurements of an update, after the other callbacks."""
        if run.chief and not run.waiting:
            self._call("update", lambda: self.update(run, step, metrics))

    @hookimpl(trylast=True)
    def ostinato_epoch_end(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Pass on the measurements of an epoch, after the other callbacks."""
        if run.chief:
            self._call("epoch", lambda: self.epoch(run, epoch, MappingProxyType(metrics)))

    @hookimpl
    def ostinato_run_end(self, run: TrainingRun) -> None:
        """End."""
        if run.chief:
            self._call("end", lambda: self.end(run))

    @hookimpl
    def ostinato_run_error(self, run: TrainingRun) -> None:
        """End after an error."""
        if run.chief:
            self._call("end", lambda: self.end(run))

    def _call(self, method: str, function: Callable[[], None]) -> None:
        try:
            function()
        except Exception as error:
            if not self._warned:
                self._warned = True
                warnings.warn(
                    f"{type(self).__name__}.{method} failed: {described(error)}; the training continues, and "
                    "further failures of this run are not reported",
                    RuntimeWarning,
                    stacklevel=2,
                )
