"""A fit that fails, is interrupted or killed: what it leaves, and how it continues."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.models.table import TABLE, Row
from tests.models.test_promises import bits

TEXT = "the dog and the cat and the bird sing to the dog. " * 4
SERIES = [np.sin(np.arange(24) / 2 + n) + 2 for n in range(6)]
ROWS = [
    *TABLE,
    Row(
        ost.LanguageModel,
        (TEXT,),
        [TEXT[:20]],
        lambda model, X: [model.bits(one) for one in X],
        {"hidden_size": 4, "embedding_size": 3, "window": 16, "batch_size": 4},
    ),
    Row(
        ost.Forecaster,
        (SERIES,),
        [SERIES[0]],
        lambda model, X: model.predict(series=X),
        {"hidden_size": 3, "num_layers": 1, "season": 4, "horizon": 2},
    ),
]
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


class Fails:
    """Raises an error in epoch `epoch`: after its first update, or at its end."""

    def __init__(self, epoch: int, at_end: bool = False, error: Callable[[], BaseException] = OSError):
        self.epoch, self.at_end, self.error = epoch, at_end, error

    @ost.hookimpl
    def ostinato_batch_end(self, run: Any) -> None:
        if run.epoch == self.epoch and not self.at_end:
            raise self.error()

    @ost.hookimpl
    def ostinato_epoch_end(self, epoch: int) -> None:
        if epoch == self.epoch and self.at_end:
            raise self.error()


def everything(model: Any) -> Any:
    """All that a fit changes, so that == compares bit for bit."""
    fitting, trainer = model._fitted, model.trainer_
    run = {name: value for name, value in vars(trainer.run).items() if name not in ("net", "optimizer")}
    return repr(
        [
            bits(model.network_.arena),
            {name: bits(one) for name, one in _flat(trainer.optimizer.state_dict())},
            {name: None if one is None else bits(one) for name, one in vars(fitting.best).items()},
            {name: repr(value) for name, value in run.items()},
            trainer.history.rows,
            (model.n_iter_, model.loss_curve_, model.best_loss_),
            trainer._cut,
        ]
    )


def _flat(tree: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(tree, dict):
        return [pair for key, one in tree.items() for pair in _flat(one, f"{name}/{key}")]
    return [(name, tree)]


@pytest.mark.parametrize(
    ("row", "epoch", "at_end"),
    [*((row, 2, False) for row in ROWS), (ROWS[0], 3, False), (ROWS[0], 3, True)],
    ids=lambda one: getattr(one, "name", str(one)),
)
def test_a_continuation_that_fails_leaves_everything_as_before(row: Row, epoch: int, at_end: bool):
    fails = Fails(epoch, at_end)
    given: dict[str, Any] = {"max_iter": 2, "early_stopping": True, "warm_start": True}
    model = row.make(callbacks=[fails], **given).fit(*row.data)
    before, attributes = everything(model), dict(vars(model))
    with pytest.raises(ost.PluginError, match="Fails"):
        model.fit(*row.data)
    assert everything(model) == before and vars(model) == attributes
    fails.epoch = -1
    whole = row.make(**{**given, "max_iter": 4}).fit(*row.data)
    assert bits(model.fit(*row.data).network_.arena) == bits(whole.network_.arena)
    assert model.loss_curve_ == whole.loss_curve_


@rows
def test_ctrl_c_before_the_first_epoch_ends_leaves_everything_as_before(row: Row):
    interrupts = Fails(0, error=KeyboardInterrupt)
    given: dict[str, Any] = {"max_iter": 2, "early_stopping": False, "warm_start": True}
    fresh = row.make(callbacks=[interrupts], **given)
    with pytest.raises(KeyboardInterrupt):
        fresh.fit(*row.data)
    assert not fresh.__sklearn_is_fitted__()
    interrupts.epoch = 2
    fresh.fit(*row.data)
    before, attributes = everything(fresh), dict(vars(fresh))
    with pytest.raises(KeyboardInterrupt):
        fresh.fit(*row.data)
    assert everything(fresh) == before
    assert vars(fresh) == attributes


def test_ctrl_c_while_a_fit_is_finished_keeps_the_parameters_of_the_last_update(monkeypatch):
    row = ROWS[0]
    given: dict[str, Any] = {"max_iter": 3, "early_stopping": True, "warm_start": True}
    # The rate of the last epoch is so high that this epoch is not the best one.
    given["schedule"] = lambda start, when: start if when.epoch < 2 else 10.0
    whole = row.make(**{**given, "max_iter": 6}).fit(*row.data)
    model, calls = row.make(**given), []

    def interrupted(self: Any, *arguments: Any) -> None:
        calls.append(0)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(row.kind, "_complete", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*row.data)
    assert model.n_iter_ == 3
    assert model._fitted.best.last is not None
    assert bits(model._fitted.best.last) != bits(model.network_.arena)
    monkeypatch.undo()
    assert bits(model.fit(*row.data).network_.arena) == bits(whole.network_.arena)


@rows
def test_ctrl_c_in_a_continuation_leaves_the_model_so_far(row: Row):
    given: dict[str, Any] = {"max_iter": 2, "early_stopping": False, "warm_start": True}
    model = row.make(callbacks=[Fails(3, error=KeyboardInterrupt)], **given).fit(*row.data)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*row.data)
    assert model.n_iter_ == 3


@pytest.mark.parametrize(
    ("row", "stopping"),
    [*((row, True) for row in ROWS), (ROWS[0], False)],
    ids=lambda one: getattr(one, "name", str(one)),
)
def test_a_fit_after_a_kill_is_one_long_fit(row: Row, stopping: bool, tmp_path: Path):
    path = tmp_path / "fit.checkpoint"
    given: dict[str, Any] = {"max_iter": 4, "early_stopping": stopping}
    whole = row.make(**given).fit(*row.data)
    with pytest.raises(ost.PluginError):
        row.make(checkpoint=path, callbacks=[Fails(2)], **given).fit(*row.data)
    assert path.exists()
    with pytest.raises(ost.ConfigError, match=r"checkpoint .*clip_norm.*remove the file"):
        row.make(checkpoint=path, clip_norm=2.0, **given).fit(*row.data)
    again = row.make(checkpoint=path, **given).fit(*row.data)
    assert not path.exists()
    assert again.loss_curve_ == whole.loss_curve_ and again.n_iter_ == 4
    assert bits(again.network_.arena) == bits(whole.network_.arena)
    assert bits(list(row.answers(again, row.new))) == bits(list(row.answers(whole, row.new)))


def test_a_fit_that_was_killed_at_its_early_end_ends_there(tmp_path: Path):
    path, row = tmp_path / "fit.checkpoint", ROWS[0]
    given: dict[str, Any] = {"max_iter": 9, "tol": 100.0, "n_iter_no_change": 3}
    whole = row.make(**given).fit(*row.data)
    assert 1 < whole.n_iter_ < 9

    class AtEnd:
        @ost.hookimpl
        def ostinato_run_end(self) -> None:
            raise OSError("killed")

    with pytest.raises(ost.PluginError):
        row.make(checkpoint=path, callbacks=[AtEnd()], **given).fit(*row.data)
    again = row.make(checkpoint=path, **given).fit(*row.data)
    assert again.n_iter_ == whole.n_iter_
    assert bits(again.network_.arena) == bits(whole.network_.arena)


KILLED = """
import os, signal, sys
import ostinato as ost
from tests.models.test_failures import ROWS

class Kills:
    @ost.hookimpl
    def ostinato_batch_end(self, run):
        if run.epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)

row = ROWS[0]
row.make(checkpoint=sys.argv[1], max_iter=4, callbacks=[Kills()]).fit(*row.data)
"""


def test_a_process_that_is_killed_continues_in_another(tmp_path: Path):
    path, row = tmp_path / "fit.checkpoint", ROWS[0]
    process = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert process.returncode == -9 and path.exists()
    again = row.make(checkpoint=path, max_iter=4).fit(*row.data)
    whole = row.make(max_iter=4).fit(*row.data)
    assert bits(again.network_.arena) == bits(whole.network_.arena)


def test_a_checkpoint_needs_what_it_continues(tmp_path: Path):
    path, row = tmp_path / "fit.checkpoint", ROWS[0]
    for given, words in (
        ({"random_state": None}, "random_state is None; expected an integer"),
        ({"warm_start": True}, "with warm_start=True expected checkpoint=None"),
    ):
        with pytest.raises(ost.ConfigError, match=words):
            row.make(checkpoint=path, **given).fit(*row.data)
    with pytest.raises(ost.ConfigError, match="with partial_fit expected checkpoint=None"):
        row.make(checkpoint=path).partial_fit(*row.data)
    with pytest.raises(ost.DTypeError, match="checkpoint is 3"):
        row.make(checkpoint=3).fit(*row.data)
    for wrong, words in (
        (tmp_path, "which is a folder"),
        (tmp_path / "none" / "file", "there is no folder"),
    ):
        model = row.make(checkpoint=wrong)
        before = dict(vars(model))
        with pytest.raises(ost.ConfigError, match=f"SequenceClassifier: checkpoint is .*{words}"):
            model.fit(*row.data)
        assert vars(model) == before
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ost.FormatError, match="remove the file"):
        row.make(checkpoint=path).fit(*row.data)
    assert path.exists()


# A parameter of the network, or of how rows are held out, and another value for it.
OTHERS: dict[str, dict[str, Any]] = {
    "hidden_size": {"hidden_size": 6},
    "early_stopping": {"early_stopping": True},
    "random_state": {"random_state": 4},
    "cell": {"cell": "rnn"},
}


@pytest.mark.parametrize("name", OTHERS)
@rows
def test_a_continuation_with_another_network_is_refused(row: Row, name: str):
    given: dict[str, Any] = {"max_iter": 1, "early_stopping": False, "warm_start": True}
    model = row.make(**given).fit(*row.data)
    before, attributes = everything(model), dict(vars(model))
    model.set_params(**OTHERS[name])
    with pytest.raises(ost.ConfigError, match=rf"warm_start continues .* {name}="):
        model.fit(*row.data)
    model.set_params(**{one: attributes.get(one, getattr(row.make(**given), one)) for one in OTHERS[name]})
    assert everything(model) == before


@rows
def test_a_continuation_with_another_rate_starts_a_new_trainer_from_the_same_network(row: Row):
    given: dict[str, Any] = {"max_iter": 2, "early_stopping": False, "warm_start": True}
    model = row.make(**given).fit(*row.data)
    start = model.network_.arena.copy()
    model.set_params(learning_rate_init=1e-9, max_iter=1).fit(*row.data)
    assert model.n_iter_ == 1
    moved = np.abs(model.network_.arena - start).max()
    assert moved < 1e-4  # 1e-9 for each update, and the rounding of float32


def test_a_checkpoint_of_another_learning_rate_is_refused(tmp_path: Path):
    row, path = ROWS[0], tmp_path / "fit.checkpoint"
    with pytest.raises(ost.PluginError):
        row.make(checkpoint=path, callbacks=[Fails(2)], max_iter=4).fit(*row.data)
    model = row.make(checkpoint=path, max_iter=4, learning_rate_init=0.1)
    with pytest.raises(ost.ConfigError, match=r"the learning rate .*learning_rate_init is now 0\.1"):
        model.fit(*row.data)


def test_a_checkpoint_of_other_data_is_named_with_what_to_do(tmp_path: Path):
    path, row = tmp_path / "fit.checkpoint", ROWS[0]
    with pytest.raises(ost.PluginError):
        row.make(checkpoint=path, callbacks=[Fails(2)], max_iter=4).fit(*row.data)
    X, y = row.data
    with pytest.raises(ost.ConfigError, match=r"rows \(.*then.*now\)") as caught:
        row.make(checkpoint=path, max_iter=4).fit([*X, *X], [*y, *y])
    message = str(caught.value)
    assert message.startswith(f"SequenceClassifier: checkpoint {path}: cannot resume: the data differs")
    assert message.endswith("use the original data and batch_size. To begin anew, remove the file")
