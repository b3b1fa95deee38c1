"""Everything that is given is used, or refused: a row for each argument and attribute.

The rows come from signatures and objects, so a new argument is audited without another line; it fails here
until two of its values give other results, or the table says how it is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.audit.form import Call, Thing, markdown
from tests.audit.subjects import calls, history, net, pair, things
from tests.audit.subjects.shared import once

CALLS = {one.name: one for one in calls()}
THINGS = {one.name: one for one in things()}
X = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")


@pytest.mark.parametrize("name", CALLS)
def test_every_argument_is_used_or_refused(name):
    assert [row for row in CALLS[name].audit() if row.verdict == "unused"] == []


@pytest.mark.parametrize("name", THINGS)
def test_every_attribute_that_can_be_set_is_used(name):
    assert [row for row in THINGS[name].audit() if row.verdict == "unused"] == []


def test_an_argument_that_does_nothing_is_found():
    def deaf(*, used: int = 0, unused: int = 0, string: str = "") -> int:
        return used

    rows = list(Call("deaf", deaf, deaf, {"string": pair("string", "a", "b")}).audit())
    assert [row.verdict for row in rows] == ["used", "unused", "unused"]
    assert "| deaf | `unused` | unused |" in markdown(rows)
    with pytest.raises(AssertionError, match="has no"):
        list(Call("deaf", deaf, deaf, {"other": ({}, {})}).audit())


def test_equal_arguments_are_tried_once_and_an_ignored_one_is_still_found():
    seen = []

    def kind(*, size: int = 1, deaf: bool = False) -> int:
        seen.append((size, deaf))
        return size

    tried = once(kind, {"size": 2}, kind)
    assert [tried(), tried(size=2), tried(deaf=False), tried(size=3), tried(size=True)] == [2, 2, 2, 3, True]
    assert seen == [(2, False), (3, False), (True, False)]
    rows = list(Call("kind", kind, tried, {"deaf": pair("deaf", False, True)}).audit())
    assert [row.verdict for row in rows] == ["used", "unused"]


def test_an_attribute_that_does_nothing_is_found():
    class Open:
        size = 3

    assert [row.verdict for row in Thing("open", Open).audit()] == ["unused", "unused"]


def test_a_rate_that_a_schedule_would_overwrite_is_refused():
    made = ost.Trainer(net(), loss="mse", optimizer=ost.SGD(0.1), schedule=ost.schedules.Exponential(0.9))
    x = np.ones((4, 3, 3), "float32")
    made.fit(x, x, epochs=2)
    before = history(made)
    made.optimizer.lr = 0.5
    with pytest.raises(ost.ConfigError, match=r"set from 0\.09 to 0\.5.*make a trainer without schedule="):
        made.fit(x, x, epochs=1)
    made.optimizer.lr = before[2]["options"]["lr"]
    assert made.fit(x, x, epochs=1)["lr"][-1] == pytest.approx(0.081)


def test_a_rate_that_a_hook_sets_beside_a_schedule_is_refused():
    class Sets:
        @ost.hookimpl
        def ostinato_batch_end(self, run):
            run.optimizer.lr = 0.0

    made = ost.Trainer(ost.Dense(2, 2), loss="mse", schedule="cosine", callbacks=[Sets()])
    with pytest.raises(ost.ConfigError, match="the schedule of this trainer sets it in every update"):
        made.fit([(X, X), (X, X)], epochs=1)


def test_a_resumed_schedule_goes_on_with_the_rate_of_the_file(tmp_path):
    def trainer(*callbacks: Any) -> ost.Trainer:
        schedule = ost.schedules.Exponential(0.5)
        return ost.Trainer(ost.Dense(2, 2), loss="mse", schedule=schedule, callbacks=callbacks)

    plain, first, again = trainer(), trainer(ost.Checkpoints(tmp_path / "a")), trainer()
    plain.fit(X, X, epochs=4)
    first.fit(X, X, epochs=2)
    again.fit(X, X, epochs=4, resume=tmp_path / "a")
    assert again.history == plain.history


def test_columns_of_callbacks_reach_the_history_and_numbers_alone():
    class Adds:
        def __init__(self, value):
            self.value = value

        @ost.hookimpl
        def ostinato_epoch_end(self, metrics):
            metrics["f1"] = self.value

    made = ost.Trainer(ost.Dense(2, 2), loss="mse", callbacks=[Adds(np.float32(0.25))])
    assert made.fit(X, X, epochs=2)["f1"] == [0.25, 0.25]
    assert made.history["epoch"] == [0, 1]
    for bad in ("high", None, True, np.ones(2)):
        with pytest.raises(ost.ConfigError, match="metrics has 'f1'"):
            ost.Trainer(ost.Dense(2, 2), loss="mse", callbacks=[Adds(bad)]).fit(X, X, epochs=1)


def hook(name: str, function: Any, **options: Any) -> Any:
    """A callback of one hook."""
    made = type("Hook", (), {})()
    setattr(made, name, ost.hookimpl(**options)(function))
    return made


@pytest.mark.parametrize(
    "name", ["run_start", "epoch_start", "batch_start", "after_backward", "batch_end", "epoch_end", "run_end"]
)
def test_what_a_hook_returns_is_refused(name):
    callback = hook(f"ostinato_{name}", lambda run: {"f1": 1.0})
    with pytest.raises(ost.PluginError, match=f"'Hook' returned {{'f1': 1.0}} from ostinato_{name}"):
        ost.Trainer(ost.Dense(2, 2), loss="mse", callbacks=[callback]).fit(X, X, epochs=1)


def test_a_wrapper_that_returns_nothing_and_metrics_that_are_written_too_late_are_refused():
    def forgets():
        yield

    def late(metrics):
        metrics["f1"] = 1.0

    for callback, words in (
        (hook("ostinato_train_step", forgets, wrapper=True), "a wrapper returns what its yield returned"),
        (hook("ostinato_batch_end", late), "does not support item assignment"),
        (hook("ostinato_should_stop", late), "does not support item assignment"),
    ):
        with pytest.raises(ost.PluginError, match=words):
            ost.Trainer(ost.Dense(2, 2), loss="mse", callbacks=[callback]).fit(X, X, epochs=1)


def test_an_optimizer_shows_the_options_that_it_has_now():
    made = ost.SGD(lr=0.1, momentum=0.9)
    made.momentum = 0.5
    made.lr = 0.2
    assert made.options["momentum"] == 0.5
    assert repr(made).startswith("SGD(lr=0.2, momentum=0.5,")
    for name, hint in (
        ("learning_rate", r"use optimizer\.lr"),
        ("momentun", "did you mean 'momentum'"),
        ("steps", "load_state_dict"),
    ):
        with pytest.raises(AttributeError, match=hint):
            setattr(made, name, 1)


def test_gradients_by_name_are_written_in_place():
    _, grads = ost.Dense(2, 2).value_and_grad(X, X, loss="mse")
    with pytest.raises(TypeError, match=r"grads\.params\['bias'\]\[\.\.\.\] = value"):
        grads.params["bias"] = np.zeros(2)
    with pytest.raises(TypeError, match=r"net\.freeze"):
        del grads.params["bias"]
    grads.params["bias"][...] = 7.0
    assert (np.asarray(grads.arena) == 7.0).sum() == 2


def test_carried_rows_that_are_missing_are_named_with_the_batch():
    made = ost.Trainer(ost.RNN(2, 2), loss="mse")
    data = [ost.Batch(X, X), ost.Batch(X[:3], X[:3], carries=True)]
    with pytest.raises(ost.ShapeError, match="batch 1 has carries=True and 3 rows, the batch before had 4"):
        made.fit(data, epochs=1)


def test_a_name_that_does_not_exist_cannot_be_overridden():
    with pytest.raises(ost.ConfigError, match="'nothing'"):
        ost.plugins.override("cell", "nothing", "cells/ligru")
