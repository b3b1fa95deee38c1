"""What a notebook prints: one short line for each object, with its settings and the sizes of its data."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import data
from ostinato.brief import brief
from tests.audit.subjects import things

X = np.zeros((6, 5, 3), np.float32)
NET = ost.Sequential(ost.GRU(3, 4, seed=0), ost.Dense(4, 3, seed=0))


def trained(epochs=1):
    trainer = ost.Trainer(NET, loss="mse", metrics=["mae"], optimizer=ost.SGD(0.0))
    trainer.fit(X, X, epochs=epochs, progress=False)
    return trainer


SHOWN = {
    "Trainer": (trained, ["Trainer(Sequential(GRU(3, 4), Dense(4, 3))", "SGD(lr=0.0", "epoch 1, step 1"]),
    "TrainingRun": (lambda: trained().run, ["TrainingRun(", "epoch=1, step=1"]),
    "Strategies": (lambda: trained().strategies, ["Strategies(AllRows("]),
    "Run": (lambda: NET.run(X), ["Run(outputs=float32 (6, 5, 3), final_state={'0.h': float32 (1, 6, 4)})"]),
    "Stream": (lambda: NET.stream(2), ["Stream(Sequential(GRU(3, 4), Dense(4, 3)), batch=2)"]),
    "Gradients": (
        lambda: NET.value_and_grad(X, X, loss="mse")[1],
        ["'0.weight_ih_l0': float32 (12, 3)", "inputs=float32 (6, 5, 3)"],
    ),
    "EarlyStopping": (ost.EarlyStopping, ["EarlyStopping('val_loss', mode='auto', patience=5"]),
    "Checkpoints": (lambda: ost.Checkpoints("a", best="val_loss"), ["Checkpoints('a', best='val_loss')"]),
    "Progress": (ost.Progress, ["Progress()"]),
    "Batch": (
        lambda: ost.Batch(X, list(X), carries=True),
        ["Batch(float32 (6, 5, 3), list of 6, carries=True)"],
    ),
    "Batches": (lambda: data.Batches(X, X), ["Batches(list of 6, targets=list of 6, cut=ByLength(32"]),
    "ByLength": (lambda: data.ByLength(8), ["ByLength(8, pool=50)"]),
    "Streams": (lambda: data.Streams(np.arange(20), 2, 3), ["Streams(int64 (20,), rows=2, steps=3)"]),
    "Alphabet": (lambda: data.Alphabet("abc"), ["Alphabet('abc')"]),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_repr_shows_settings_and_sizes(name):
    make, parts = SHOWN[name]
    text = repr(make())
    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize("thing", things(), ids=lambda thing: thing.name)
def test_no_repr_has_an_address_or_is_long(thing):
    text = repr(thing.make())
    assert " object at 0x" not in text
    assert len(text) < 500


def test_a_long_history_prints_its_first_and_last_epochs():
    history = trained(100).history
    lines = str(history).splitlines()
    assert len(lines) < 50
    assert lines[1].split()[0] == "0" and lines[-1].split()[0] == "99"
    assert any(set(line.split()) == {"..."} for line in lines)
    assert str(trained(30).history).count("\n") == 30
    assert history._ipython_key_completions_() == history.names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (X, "float32 (6, 5, 3)"),
        ([1, 2], "[1, 2]"),
        ([X], "list of 1"),
        (range(3), "range(0, 3)"),
        ({"a": X}, "{'a': float32 (6, 5, 3)}"),
        ({n: n for n in range(100)}, "dict of 100"),
        ("a" * 1000, "'" + "a" * 156 + "..."),
    ],
)
def test_data_is_shown_by_type_and_size(value, text):
    assert brief(value) == text
