"""Stops a run that a search over hyper-parameters gives up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from ostinato.attribute_guard import AttributeGuard
from ostinato.brief import call
from ostinato.checks import text
from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.specs import hookimpl
from ostinato.training.run import TrainingRun


class Trial(Protocol):
    """What `Pruning` reads of a trial of a search; a trial of Optuna is one."""

    def report(self, value: float, step: int) -> None:
        """Takes the metric after epoch `step`, counted from 0."""

    def should_prune(self) -> bool:
        """Whether the search gives up this trial."""


class Pruning(AttributeGuard):
    """Reports `metric` to a trial after each epoch, and stops the run when the trial is given up.

        pruning = ost.Pruning(trial, "val_loss")
        ost.Trainer(net, loss="mse", callbacks=[pruning]).fit(x, y, epochs=50, validation=held_out)
        pruning.check_pruned(optuna.TrialPruned)

    A hook cannot raise TrialPruned itself, because an error of a hook is a PluginError. So the run stops, and
    `check_pruned` raises after `fit`. `pruned` is whether the trial was given up.

    Args:
        trial: an object with the methods `report(value, step)` and `should_prune()`, such as a Trial of
            Optuna. One trial belongs to one training: a copy of this callback raises ConfigError.
        metric: a column of the history.

    Raises DTypeError, ConfigError; in `fit` ConfigError if the metric is not measured, and PluginError if a
    method of the trial raises.
    """

    _fixed = ("trial", "metric", "adds_metrics", "pruned")
    adds_metrics: ClassVar[bool] = False

    def __init__(self, trial: Trial, metric: str = "val_loss") -> None:
        for name in ("report", "should_prune"):
            if not callable(getattr(trial, name, None)):
                raise DTypeError(
                    f"Pruning: trial is {shown(trial)}, without a method {name}; expected one with "
                    "report(value, step) and should_prune(), such as a trial of Optuna"
                )
        self.trial, self.metric = trial, text("Pruning", "metric", metric)
        self._pruned = ""

    def __repr__(self) -> str:
        return call(self, self.trial, self.metric)

    def __deepcopy__(self, memo: dict[int, Any]) -> Pruning:
        raise ConfigError(
            "Pruning: a trial belongs to one training, so this callback has no copies; expected the fit of "
            "the model itself, without clones, as cross-validation makes them"
        )

    @property
    def pruned(self) -> bool:
        """Whether the trial was given up in the last `fit`."""
        return bool(self._pruned)

    def check_pruned(self, error: type[Exception]) -> None:
        """After `fit`: raises `error`, such as `optuna.TrialPruned`, if the trial was given up."""
        if not (isinstance(error, type) and issubclass(error, Exception)):
            raise DTypeError(f"Pruning: error is {shown(error)}; expected a class of exceptions")
        if self._pruned:
            raise error(self._pruned)

    @hookimpl
    def ostinato_run_start(self, run: TrainingRun) -> None:
        """Start; raise ConfigError if neither the run nor a plugin measures the metric."""
        measured = run.history.measured
        if not run.others_measure and not measured.has(self.metric):
            raise ConfigError(f"{shown(self.metric)} is not measured; {measured.missing(self.metric)}")
        self._pruned = ""

    @hookimpl(trylast=True)
    def ostinato_epoch_end(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Report the metric, also one that another callback adds."""
        if self.metric not in metrics:
            measured = run.history.measured
            raise ConfigError(
                f"{shown(self.metric)} is not measured; {measured.absent(self.metric, metrics)}"
            )
        self.trial.report(float(metrics[self.metric]), epoch)
        if self.trial.should_prune():
            self._pruned = f"{self.metric} was {metrics[self.metric]:.4g} after epoch {epoch}"

    @hookimpl(tryfirst=True)
    def ostinato_should_stop(self) -> str | None:
        """Stop when the trial is given up."""
        return f"Pruning: the trial was given up; {self._pruned}" if self._pruned else None
