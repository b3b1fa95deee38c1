"""Data of which no step counts is an error, not a loss of 0 that looks like a perfect score."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Batches, ByLength
from tests.training.tasks import network, running_sum

X, TARGETS = running_sum()
ROWS, STEPS = X.shape[:2]
NOTHING = np.zeros((ROWS, STEPS), "float32")


class Nobody(ost.Curriculum):
    """No row at all."""

    def lesson(self, when, lengths):
        return ost.Lesson(rows=np.zeros(0, dtype=np.int64))


class Short(ost.Curriculum):
    """The first steps only, of all rows."""

    def __init__(self, steps=2):
        self.steps = steps

    def lesson(self, when, lengths):
        return ost.Lesson(steps=self.steps)


def labels():
    return ost.Sequential(ost.GRU(2, 5), ost.Last(), ost.Dense(5, 2))


def two():
    x = ost.Input("x", size=2)
    return ost.Graph(outputs={"a": ost.Dense(2, 2)(x), "b": ost.Dense(2, 2)(x)})


def fit(*data: Any, net: Any = None, trainer: Any = None, **options: Any) -> Any:
    made = ost.Trainer(net or network(), **{"loss": "mse", **(trainer or {})})
    return made, lambda: made.fit(*data, epochs=2, **options)


LATE = (np.arange(STEPS) >= 3) * np.ones((ROWS, 1), "float32")
BOTH = {"a": TARGETS, "b": TARGETS}
CASES = {
    "no rows": fit(X[:0], TARGETS[:0]),
    "no steps": fit(X[:, :0], TARGETS[:, :0]),
    "lengths 0": fit(X, TARGETS, lengths=[0] * ROWS),
    "weights 0": fit(X, TARGETS, weights=NOTHING),
    "masked everywhere": fit(X, TARGETS, mask=NOTHING > 0),
    "weights only in the padding": fit(X, TARGETS, weights=LATE, lengths=[3] * ROWS),
    "weights only at masked steps": fit(X, TARGETS, weights=LATE, mask=LATE == 0),
    "empty lists": fit([row[:0] for row in X], [row[:0] for row in TARGETS]),
    "no row of a list": fit([], []),
    "by length": fit(X, TARGETS, lengths=[0] * ROWS, batch_size=ByLength(4)),
    "labels of weight 0": fit(X, TARGETS[:, 0], net=labels(), weights=np.zeros(ROWS)),
    "one output of two": fit(
        X, BOTH, net=two(), trainer={"loss": dict.fromkeys("ab", "mse")}, weights={"b": NOTHING}
    ),
    "a sum": fit(X, TARGETS, weights=NOTHING, trainer={"reduction": "sum"}),
    "no batch": fit([]),
    "a batch of lengths 0": fit([(X, TARGETS, [0] * ROWS)]),
    "batches of weights 0": fit([ost.Batch(X, TARGETS, weights=NOTHING)] * 3),
    "a masked batch": fit([ost.Batch(X, TARGETS, mask=NOTHING > 0)]),
    "batches of rows without steps": fit(Batches([X[0, :0], X[1, :0]], [TARGETS[0, :0]] * 2, batch_size=2)),
    "a lesson without rows": fit(X, TARGETS, trainer={"strategies": [Nobody()]}),
    "a lesson of steps that do not count": fit(X, TARGETS, weights=LATE, trainer={"strategies": [Short()]}),
    "a lesson of steps that do not count, of batches": fit(
        [ost.Batch(X, TARGETS, weights=LATE)], trainer={"strategies": [Short()]}
    ),
    "validation of no rows": fit(X, TARGETS, validation=(X[:0], TARGETS[:0])),
    "validation of lengths 0": fit(X, TARGETS, validation=(X, TARGETS, [0] * ROWS)),
    "validation without batches": fit(X, TARGETS, validation=[]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fit_of_nothing_records_nothing(case):
    trainer, call = CASES[case]
    with pytest.raises(ost.ConfigError, match="no valid step"):
        call()
    assert len(trainer.history) == 0


def test_evaluate_says_the_same():
    trainer = ost.Trainer(network(), loss="mse")
    for call in (
        lambda: trainer.evaluate(X, TARGETS, mask=NOTHING > 0),
        lambda: trainer.evaluate([]),
        lambda: trainer.evaluate(X, TARGETS, weights=LATE, lengths=[3] * ROWS),
    ):
        with pytest.raises(ost.ConfigError, match=r"^evaluate: the data has no valid step"):
            call()


def test_one_batch_of_nothing_among_others_has_no_loss():
    seen: list[float] = []

    class Reads:
        @ost.hookimpl
        def ostinato_batch_end(self, metrics):
            seen.append(metrics["loss"])

    trainer = ost.Trainer(network(), loss="mse", optimizer=ost.SGD(0.0), callbacks=[Reads()])
    nothing, all_of_it = ost.Batch(X, TARGETS, weights=NOTHING), ost.Batch(X, TARGETS)
    history = trainer.fit([nothing, all_of_it, nothing], epochs=1)
    assert [math.isnan(one) for one in seen] == [True, False, True]
    assert history["loss"] == [pytest.approx(trainer.evaluate(X, TARGETS)["loss"])]


def test_a_batch_without_a_step_of_one_output_has_no_loss_of_it():
    seen: list[dict[str, float]] = []

    class Reads:
        @ost.hookimpl
        def ostinato_batch_end(self, metrics):
            seen.append(dict(metrics))

    trainer = ost.Trainer(two(), loss=dict.fromkeys("ab", "mse"), callbacks=[Reads()])
    trainer.fit([ost.Batch(X, BOTH, weights={"b": NOTHING}), ost.Batch(X, BOTH)], epochs=1)
    assert math.isnan(seen[0]["b.loss"])
    assert seen[0]["loss"] == seen[0]["a.loss"]
    assert not math.isnan(seen[1]["b.loss"])
