"""A trial of a search gets the metric after each epoch, and stops the run; the error comes after `fit`."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import ostinato as ost

X = np.random.default_rng(0).normal(size=(8, 5, 2)).astype("float32")


class Pruned(Exception):
    pass


class Trial:
    """Gives up after the report of epoch `last`."""

    def __init__(self, last: int = 100) -> None:
        self.last, self.reports = last, []

    def report(self, value: float, step: int) -> None:
        self.reports.append((step, value))

    def should_prune(self) -> bool:
        return self.reports[-1][0] >= self.last


def trained(*callbacks: Any, epochs: int = 4) -> ost.Trainer:
    trainer = ost.Trainer(ost.GRU(2, 2), loss="mse", metrics=["mae"], callbacks=callbacks)
    trainer.fit(X, X, epochs=epochs, validation=(-X, X), progress=False)
    return trainer


def test_a_trial_gets_the_metric_of_each_epoch():
    trial = Trial()
    pruning = ost.Pruning(trial)
    trainer = trained(pruning)
    assert trial.reports == list(enumerate(trainer.history["val_loss"]))
    assert not pruning.pruned and trainer.run.stopped == ""
    pruning.check_pruned(Pruned)


def test_a_trial_that_is_given_up_stops_the_run_and_the_error_follows():
    pruning = ost.Pruning(Trial(last=1), "val_mae")
    trainer = trained(pruning)
    assert len(trainer.history) == 2 and pruning.pruned
    assert "the trial was given up" in trainer.run.stopped
    with pytest.raises(Pruned, match=r"val_mae was .* after epoch 1"):
        pruning.check_pruned(Pruned)


def test_another_fit_starts_anew_and_its_epochs_continue():
    trial = Trial(last=1)
    pruning = ost.Pruning(trial)
    trainer = trained(pruning)
    trial.last = 100
    trainer.fit(X, X, epochs=2, validation=(-X, X), progress=False)
    assert [step for step, _ in trial.reports] == [0, 1, 2, 3] and not pruning.pruned


def test_a_column_of_a_later_callback_is_reported():
    class Adds:
        @ost.hookimpl
        def ostinato_epoch_end(self, metrics):
            metrics["own"] = 0.5

    trial = Trial()
    trained(ost.Pruning(trial, "own"), Adds(), epochs=1)
    assert trial.reports == [(0, 0.5)]


def test_pruning_wins_over_early_stopping():
    stopping = ost.EarlyStopping(patience=1, mode="max", metric="val_loss")
    for order in (0, 1):
        pruning = ost.Pruning(Trial(last=0))
        trainer = trained(*[stopping, pruning][:: 1 - 2 * order])
        assert pruning.pruned and "Pruning" in trainer.run.stopped


def test_an_estimator_stops_too():
    rows = [np.arange(5.0) * sign for sign in (1, -1) * 10]
    trial = Trial(last=1)
    pruning = ost.Pruning(trial)
    model = ost.SequenceClassifier(
        hidden_size=2, max_iter=5, early_stopping=True, callbacks=[pruning], random_state=0
    ).fit(rows, ["up", "down"] * 10)
    assert pruning.pruned and len(model.trainer_.history) == 2
    assert [value for _, value in trial.reports] == model.trainer_.history["val_loss"]


def test_what_cannot_be_honored_is_refused():
    with pytest.raises(ost.DTypeError, match="without a method report"):
        ost.Pruning("trial")
    with pytest.raises(ost.ConfigError, match="metric is 3"):
        ost.Pruning(Trial(), 3)
    with pytest.raises(ost.ConfigError, match="did you mean 'val_loss'"):
        trained(ost.Pruning(Trial(), "val_los"))
    with pytest.raises(ost.ConfigError, match="one training"):
        copy.deepcopy(ost.Pruning(Trial()))
    with pytest.raises(ost.DTypeError, match="expected a class of exceptions"):
        ost.Pruning(Trial()).check_pruned("TrialPruned")


def test_an_error_of_the_trial_is_an_error_of_the_hook():
    class Broken(Trial):
        def report(self, value: float, step: int) -> None:
            raise ConnectionError("no storage")

    with pytest.raises(ost.PluginError, match="no storage"):
        trained(ost.Pruning(Broken()))


def test_a_trial_of_optuna_is_pruned():
    optuna = pytest.importorskip("optuna", reason="Optuna is not installed; the extra [test] has it")
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: Any) -> float:
        pruning = ost.Pruning(trial)
        trainer = trained(pruning)
        pruning.check_pruned(optuna.TrialPruned)
        return trainer.history["val_loss"][-1]

    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=0.0, n_warmup_steps=1))
    study.optimize(objective, n_trials=2)
    states = {(trial.state.name, len(trial.intermediate_values)) for trial in study.trials}
    assert states == {("PRUNED", 2)}
