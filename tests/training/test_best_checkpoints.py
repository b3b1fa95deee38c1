"""`Checkpoints(path, best=...)` writes the best epoch, and several of them do not disturb each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.training.tasks import running_sum

X, TARGETS = running_sum()


class Says:
    """A measurement by plan, and the weights of each epoch."""

    def __init__(self, name: str, values: list[float]) -> None:
        self.name, self.values, self.weights = name, values, []

    @ost.hookimpl
    def ostinato_epoch_end(self, run: Any, epoch: int, metrics: Any) -> None:
        metrics[self.name] = self.values[epoch]
        self.weights.append(run.net.arena.copy())


def run(
    tmp_path: Path, values: list[float], epochs: int, resume: Any = False, **best: Any
) -> tuple[Any, Says]:
    says = Says("score", values)
    trainer = ost.Trainer(
        ost.RNN(2, 2),
        loss="mse",
        callbacks=[
            says,
            ost.Checkpoints(tmp_path / "best", **best),
            ost.Checkpoints(tmp_path / "last", every_epochs=1),
        ],
    )
    trainer.fit(X, TARGETS, epochs=epochs, batch_size=5, resume=resume)
    return trainer, says


NAN = float("nan")


@pytest.mark.parametrize(
    ("mode", "values", "best"),
    [
        ("min", [3, 1, 2, 4], 1),
        ("max", [3, 1, 5, 4], 2),
        ("min", [3, 3, 3, 3], 0),
        ("max", [NAN, 1, NAN, 0], 1),
        ("min", [NAN, NAN, 2, NAN], 2),
        ("min", [4, 3, 2, 1], 3),
    ],
)
def test_the_file_is_that_of_the_best_epoch(mode, values, best, tmp_path):
    trainer, says = run(tmp_path, values, 4, best="score", mode=mode)
    assert ost.load(tmp_path / "best").arena.tobytes() == says.weights[best].tobytes()
    assert ost.load(tmp_path / "last").arena.tobytes() == trainer.net.arena.tobytes()


def test_no_epoch_better_than_nan_writes_nothing(tmp_path):
    run(tmp_path, [NAN, NAN], 2, best="score", mode="min")
    assert not (tmp_path / "best").exists() and (tmp_path / "last").exists()


@pytest.mark.parametrize("metric", ["val_loss", "loss", "val_accuracy"])
def test_the_direction_is_that_of_the_metric(metric, tmp_path):
    ids = np.arange(40).reshape(8, 5) % 4
    net = ost.Sequential(ost.Embedding(4, 3), ost.Dense(3, 4))
    trainer = ost.Trainer(
        net,
        loss="cross_entropy",
        metrics=["accuracy"],
        optimizer=ost.Adam(0.05),
        callbacks=[ost.Checkpoints(tmp_path / "best", best=metric)],
    )
    history = trainer.fit(ids, ids, epochs=6, batch_size=4, validation=(ids, ids))
    pick = np.argmax if metric == "val_accuracy" else np.argmin
    again = ost.Trainer(net, loss="cross_entropy", metrics=["accuracy"], optimizer=ost.Adam(0.05))
    again.load(tmp_path / "best")
    assert len(again.history) - 1 == pick(history[metric])


def test_a_resumed_run_compares_with_the_epochs_before(tmp_path):
    """The best of the first run, epoch 1, is better than all that follow."""

    def fit(epochs: int, resume: Any) -> ost.Trainer:
        trainer = ost.Trainer(
            ost.RNN(2, 2),
            loss="mse",
            optimizer=ost.SGD(1e-3),
            callbacks=[ost.Checkpoints(tmp_path / "best", best="loss"), ost.Checkpoints(tmp_path / "last")],
        )
        trainer.fit(X, TARGETS, epochs=epochs, batch_size=5, resume=resume)
        return trainer

    fit(2, False)
    (tmp_path / "best").unlink()
    resumed = ost.Trainer(ost.RNN(2, 2), loss="mse", optimizer=ost.SGD(1e-3))
    resumed.load(tmp_path / "last")
    resumed.run.history.rows[0]["loss"] = -1.0  # better than all that follow
    resumed.save(tmp_path / "last")
    fit(4, tmp_path / "last")
    assert not (tmp_path / "best").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"best": "val_loss", "every_epochs": 1},
            "every_epochs and best are both given; expected one of them",
        ),
        ({"best": 5}, "best is 5"),
        ({"best": "val_loss", "mode": "lowest"}, "mode"),
        ({"mode": "min"}, "best is not given"),
        ({"every_steps": 0}, "every_steps"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ost.ConfigError, match=message):
        ost.Checkpoints("path", **arguments)


@pytest.mark.parametrize("path", [5, None, b"x", ["a"]])
def test_a_path_that_is_none_is_refused_when_it_is_given(path):
    with pytest.raises(ost.DTypeError, match="path is"):
        ost.Checkpoints(path)


def test_what_is_not_measured_is_refused_before_the_run(tmp_path):
    trainer = ost.Trainer(
        ost.RNN(2, 2), loss="mse", callbacks=[ost.Checkpoints(tmp_path / "b", best="val_loss")]
    )
    with pytest.raises(ost.OstinatoError, match="fit validation="):
        trainer.fit(X, TARGETS, epochs=1)
    assert not trainer.history.rows
