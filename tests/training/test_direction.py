"""What waits for a measurement to improve knows whether it should fall or rise."""

from __future__ import annotations

import math

import numpy as np
import pytest

import ostinato as ost
from ostinato import losses, metrics, ops
from ostinato.direction import BETTER, Direction, goal_of
from ostinato.discover import leaves
from ostinato.schedules import Plateau, WarmUp
from tests.bad import Bad
from tests.training.tasks import running_sum

X, TARGETS = running_sum()
MEDIANS = TARGETS[..., :1]
SIGNS = (TARGETS[..., 0] > 0).astype(int)


class Close(ost.Metric):
    """The share of steps whose errors are all below 0.5."""

    better = "higher"

    def step(self, y, target):
        return ops.where(ops.max(ops.abs(y - target)) < 0.5, 1.0, 0.0)


class Silent(ost.Metric):
    """Does not say what is better."""

    def step(self, y, target):
        return ops.max(ops.abs(y - target))


class Column:
    """Adds a column of its own to the measurements."""

    @ost.hookimpl
    def ostinato_epoch_end(self, epoch, metrics):
        metrics["f1"] = 1.0 - epoch / 10


class Spoils:
    """Makes the parameters of every epoch worse than those before."""

    @ost.hookimpl
    def ostinato_epoch_start(self, run, epoch):
        run.net.arena[...] += 0.5 * epoch


BUILT_IN = [*leaves("ostinato.metrics", metrics.Metric).values()]


@pytest.mark.parametrize("metric", BUILT_IN, ids=lambda one: one.name)
def test_every_built_in_metric_says_what_is_better(metric):
    better = metric().better if isinstance(metric.better, property) else metric.better
    assert better in BETTER or goal_of(better) is not None


def test_nearest_to_a_number_is_better():
    one = Direction("test", "val_coverage", "auto")
    one.resolve({"val_coverage": metrics.Coverage(quantiles=(0.05, 0.95)).better})
    assert one.improves(0.85, 0.99, 0.0) and one.improves(0.96, 0.8, 0.0) and one.improves(0.1, math.nan, 0.0)
    assert not one.improves(1.0, 0.85, 0.0) and not one.improves(0.89, 0.88, 0.05)
    assert not one.improves(math.nan, 0.5, 0.0)
    for wrong in ("nearest to", "nearest to much", "nearest to inf", "near 0.8"):
        assert goal_of(wrong) is None


def regression(**changes):
    return ost.Trainer(
        ost.Sequential(ost.GRU(2, 5), ost.Dense(5, 2)),
        **{"loss": "mse", "optimizer": ost.Adam(3e-2), **changes},
    )


def classes(**changes):
    net = ost.Sequential(ost.GRU(2, 5), ost.Dense(5, 2))
    return ost.Trainer(net, **{"loss": "cross_entropy", "optimizer": ost.Adam(3e-2), **changes})


def quantiles(**changes):
    """Two quantiles of one target."""
    return regression(**{"loss": losses.Pinball(quantiles=(0.1, 0.9)), **changes})


def both(**changes):
    """A network of two outputs, of which the second is classes."""
    x = ost.Input("x", size=2)
    hidden = ost.GRU(2, 5)(x)
    net = ost.Graph(outputs={"sum": ost.Dense(5, 2)(hidden), "sign": ost.Dense(5, 2)(hidden)})
    losses = {"sum": "mse", "sign": "cross_entropy"}
    return ost.Trainer(net, loss=losses, optimizer=ost.Adam(3e-2), **changes)


TWO = {"sum": TARGETS, "sign": SIGNS}
# column, trainer, targets, metrics: what is better is not the same for all
WATCHED = {
    "val_loss": (regression, TARGETS, []),
    "loss": (regression, TARGETS, []),
    "val_rmse": (regression, TARGETS, ["rmse"]),
    "rmse": (regression, TARGETS, ["rmse"]),
    "val_mae": (regression, TARGETS, ["mae"]),
    "val_smape": (regression, TARGETS, ["smape"]),
    "val_wql": (quantiles, MEDIANS, [metrics.WQL(quantiles=(0.1, 0.9))]),
    "val_coverage": (quantiles, MEDIANS, [metrics.Coverage(quantiles=(0.1, 0.9))]),
    "val_close": (regression, TARGETS, [Close]),
    "val_accuracy": (classes, SIGNS, ["accuracy"]),
    "val_perplexity": (classes, SIGNS, ["perplexity"]),
    "perplexity": (classes, SIGNS, ["perplexity"]),
    "val_bits_per_character": (classes, SIGNS, ["bits_per_character"]),
    "sign.val_accuracy": (both, TWO, {"sign": ["accuracy"]}),
    "sum.val_mae": (both, TWO, {"sum": ["mae"]}),
    "sign.val_loss": (both, TWO, {}),
}
RISES = {"val_accuracy", "val_close", "sign.val_accuracy"}
GOALS = {"val_coverage": 0.8}


def test_the_table_has_every_built_in_metric():
    # those of several numbers and of rows are made in one place, whose columns test_metrics.py covers
    alone = {one.name for one in BUILT_IN if one.row is metrics.Metric.row}
    assert alone <= {column.removeprefix("val_") for column in WATCHED}


@pytest.mark.parametrize("column", WATCHED)
def test_early_stopping_restores_the_best_epoch_not_the_worst(column):
    make, targets, measured = WATCHED[column]
    kept = {}

    class Keeps:
        @ost.hookimpl
        def ostinato_epoch_end(self, run, epoch):
            kept[epoch] = run.net.arena.copy()

    stopping = ost.EarlyStopping(column, patience=2)
    trainer = make(metrics=measured, callbacks=[Spoils(), Keeps(), stopping])
    x = {"x": X} if targets is TWO else X
    history = trainer.fit(x, targets, epochs=5, validation=(x, targets))
    values = history[column]
    wrong = np.abs(np.array(values) - GOALS[column]) if column in GOALS else np.array(values)
    best = int(np.argmax(wrong) if column in RISES else np.argmin(wrong))
    assert stopping.best_epoch == best
    assert stopping.best == values[best]
    assert (trainer.net.arena == kept[best]).all()


@pytest.mark.parametrize("column", WATCHED)
@pytest.mark.parametrize("warm", [False, True])
def test_plateau_lowers_the_rate_only_without_progress(column, warm):
    make, targets, measured = WATCHED[column]
    plateau = Plateau(column, patience=1, factor=0.5)
    trainer = make(metrics=measured, schedule=WarmUp(1, then=plateau) if warm else plateau)
    x = {"x": X} if targets is TWO else X
    trainer.fit(x, targets, epochs=1, validation=(x, targets))
    sign = 1 if column in RISES else -1
    for step in (1, 2, 3):
        plateau.observe({column: GOALS[column] + 1e-3 / step if column in GOALS else 10.0 * sign * step})
    assert plateau.drops == 0
    plateau.observe({column: 0.0})
    assert plateau.drops == 1


def test_a_mode_that_is_given_counts():
    values = {"val_accuracy": [0.9, 0.5, 0.7]}
    for mode, drops in (("min", 1), ("max", 2)):
        plateau = Plateau("val_accuracy", patience=1, mode=mode)
        plateau.begin({"val_accuracy": "higher"})
        for value in values["val_accuracy"]:
            plateau.observe({"val_accuracy": value})
        assert plateau.drops == drops


def test_a_nan_is_never_an_improvement():
    for column, better, values in (
        ("loss", 1.0, [math.nan, 2.0, math.nan]),
        ("val_f1", 0.5, [math.nan, 0.2]),
    ):
        plateau = Plateau(column, patience=9, mode="min" if column == "loss" else "max")
        for value in values:
            plateau.observe({column: value})
        assert plateau.best == values[1]
        plateau.observe({column: better})
        assert plateau.best == better


def fit(**changes):
    return regression(**changes).fit(X, TARGETS, epochs=2, validation=(X, TARGETS))


BAD = {
    "a metric that does not say it": Bad(
        lambda: fit(metrics=[Silent], callbacks=[ost.EarlyStopping("val_silent")]),
        ost.OstinatoError,
        ("'val_silent' is better", "better = 'lower' or 'higher'", "mode='max'"),
    ),
    "a schedule on it": Bad(
        lambda: fit(metrics=[Silent], schedule=Plateau("val_silent")),
        ost.ConfigError,
        ("schedule 'plateau'", "'val_silent' is better", "mode='min'"),
    ),
    "a column of a plugin": Bad(
        lambda: fit(callbacks=[Column(), ost.EarlyStopping("f1")]),
        ost.OstinatoError,
        ("'f1' is better", "mode="),
    ),
    "the norm of the gradients": Bad(
        lambda: fit(callbacks=[ost.EarlyStopping("grad_norm")]), ost.OstinatoError, ("'grad_norm' is better",)
    ),
    "a typing error in a class": Bad(
        lambda: fit(metrics=[type("High", (Silent,), {"better": "hihger"})]),
        ost.ConfigError,
        ("metric 'high'", "'hihger'", "'lower' or 'higher'"),
    ),
    "a metric that is a number": Bad(lambda: ost.EarlyStopping(5), ost.ConfigError, ("metric is 5",)),
    "a metric that is None": Bad(lambda: Plateau(None), ost.ConfigError, ("metric is None",)),
    "an unknown mode": Bad(lambda: ost.EarlyStopping(mode="up"), ost.ConfigError, ("mode is 'up'", "auto")),
}


@pytest.mark.parametrize("case", BAD)
def test_an_unknown_direction_is_an_error(case):
    BAD[case].check()


def test_a_column_of_a_plugin_with_a_mode_is_watched():
    stopping = ost.EarlyStopping("f1", mode="max", patience=1)
    assert len(fit(callbacks=[Column(), stopping])) == 2
    assert stopping.best_epoch == 0
