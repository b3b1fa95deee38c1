"""`fit(..., training_metrics=True)` records on the training data what `evaluate` measures."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from tests.training.tasks import running_sum

X, TARGETS = running_sum()
LABELS = (TARGETS[..., 0] > 0).astype(int)
LENGTHS = np.arange(10) % 7 + 1


def classifier(**options):
    net = ost.Sequential(ost.GRU(2, 4, regularizers=[ost.Dropout(0.3)]), ost.Dense(4, 2))
    return ost.Trainer(net, loss="cross_entropy", metrics=["accuracy", "perplexity"], **options)


@pytest.mark.parametrize("strategies", [[], [ost.strategies.AllRows(shuffle=False)]])
@pytest.mark.parametrize("batch_size", [3, ost.data.ByLength(4)])
def test_the_columns_are_those_of_evaluate_after_each_epoch(batch_size, strategies):
    measured = []

    class Measures:
        @ost.hookimpl
        def ostinato_epoch_end(self, run):
            measured.append(trainer.evaluate(X, LABELS, lengths=LENGTHS, batch_size=batch_size)["accuracy"])

    trainer = classifier(callbacks=[Measures()], strategies=strategies)
    history = trainer.fit(
        X,
        LABELS,
        lengths=LENGTHS,
        epochs=4,
        batch_size=batch_size,
        validation=(X[:3], LABELS[:3]),
        training_metrics=True,
    )
    assert history["accuracy"] == measured
    assert history.names.index("accuracy") < history.names.index("val_accuracy")
    assert history["perplexity"] == pytest.approx(np.exp(history["loss"]))  # of the loss, as without


def test_nothing_else_changes():
    plain, more = classifier(), classifier()
    plain.fit(X, LABELS, epochs=2, batch_size=3)
    more.fit(X, LABELS, epochs=2, batch_size=3, training_metrics=True)
    assert plain.net.arena.tobytes() == more.net.arena.tobytes()
    assert "accuracy" not in plain.history.names
    assert [
        {k: v for k, v in row.items() if k != "accuracy"} for row in more.history.rows
    ] == plain.history.rows


def test_several_outputs_have_columns_of_their_own():
    x = ost.Input("x", size=2)
    h = ost.GRU(2, 4)(x)
    net = ost.Graph({"tags": ost.Dense(4, 2)(h), "mood": ost.Dense(4, 2)(ost.last(h))})
    trainer = ost.Trainer(
        net,
        loss=dict.fromkeys(("tags", "mood"), "cross_entropy"),
        metrics={"mood": ["accuracy"], "tags": ["accuracy"]},
    )
    targets = {"tags": LABELS, "mood": LABELS[:, -1]}
    history = trainer.fit(X, targets, epochs=1, batch_size=4, training_metrics=True)
    found = trainer.evaluate(X, targets)
    assert [history[name][0] for name in ("tags.accuracy", "mood.accuracy")] == [
        found["tags.accuracy"],
        found["mood.accuracy"],
    ]


def test_early_stopping_watches_a_training_metric():
    stopping = ost.EarlyStopping("accuracy", patience=2)
    trainer = classifier(callbacks=[stopping])
    trainer.fit(X, LABELS, epochs=3, training_metrics=True)
    assert stopping.best == max(trainer.history["accuracy"])
    with pytest.raises(ost.OstinatoError, match="training_metrics=True"):
        classifier(callbacks=[ost.EarlyStopping("accuracy")]).fit(X, LABELS, epochs=1)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (([(X, LABELS)],), {}, "training_metrics is True, but the data is an iterable"),
        ((X, LABELS), {"training_metrics": 1}, "training_metrics is 1; expected True or False"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_changes(data, options, message):
    trainer = classifier()
    before = trainer.net.arena.copy()
    with pytest.raises(ost.ConfigError, match=message):
        trainer.fit(*data, epochs=1, **{"training_metrics": True, **options})
    assert (trainer.net.arena == before).all() and not trainer.history.rows
