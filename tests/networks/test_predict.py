"""`net.predict(x)`: rows in, rows out, bit-identical to one run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost

RNG = np.random.default_rng(0)
X = RNG.normal(size=(11, 6, 3)).astype("f4")
LENGTHS = np.array([6, 3, 0, 1, 6, 5, 2, 4, 6, 1, 3])
ROWS = [row[:n] for row, n in zip(X, LENGTHS, strict=True)]
MASK = RNG.random((11, 6)) < 0.7


def tagger(**options: Any) -> ost.Network:
    return ost.Sequential(ost.GRU(3, 4, **options), ost.Dense(8 if options.get("bidirectional") else 4, 2))


def judge() -> ost.Network:
    return ost.Sequential(ost.GRU(3, 4, bidirectional=True), ost.Last(), ost.Dense(8, 2))


@pytest.mark.parametrize("size", [1, 2, 4, 11, 256])
@pytest.mark.parametrize("make", [tagger, judge, lambda: tagger(bidirectional=True)])
def test_arrays_give_the_bits_of_one_run(make, size):
    net = make()
    assert net.predict(X, batch_size=size).tobytes() == net(X).tobytes()
    assert net.predict(X, lengths=LENGTHS, batch_size=size).tobytes() == net(X, lengths=LENGTHS).tobytes()
    assert net.predict(X, mask=MASK, batch_size=size).tobytes() == net(X, mask=MASK).tobytes()


@pytest.mark.parametrize("size", [1, 3, 256])
def test_rows_give_rows_without_padding(size):
    net = tagger()
    found = net.predict(ROWS, batch_size=size)
    whole = net(ROWS)
    assert isinstance(found, list) and [len(one) for one in found] == LENGTHS.tolist()
    assert all((one == row[: len(one)]).all() for one, row in zip(found, whole, strict=True))
    masks = [mask[:n] for mask, n in zip(MASK, LENGTHS, strict=True)]
    masked, whole = net.predict(ROWS, mask=masks, batch_size=size), net(ROWS, mask=masks)
    assert all((one == row[: len(one)]).all() for one, row in zip(masked, whole, strict=True))
    labels = judge()
    assert labels.predict(ROWS, batch_size=size).tobytes() == labels(ROWS).tobytes()


def test_packed_rows_ids_and_time_first():
    net = tagger()
    lengths = np.maximum(LENGTHS, 1)
    packed = net.predict(ost.data.pack(X, lengths), batch_size=4)
    rows = net.predict([row[:n] for row, n in zip(X, lengths, strict=True)])
    assert all((a == b).all() for a, b in zip(packed, rows, strict=True))
    words = ost.Sequential(ost.Embedding(5, 3), ost.GRU(3, 4))
    ids = RNG.integers(0, 5, size=(7, 4))
    assert words.predict(ids, batch_size=2).tobytes() == words(ids).tobytes()
    turned = ost.GRU(3, 4, batch_first=False)
    x = np.swapaxes(X, 0, 1)
    assert turned.predict(x, batch_size=4).tobytes() == turned(x).tobytes()


def test_several_inputs_and_outputs():
    x, s = ost.Input("x", size=3), ost.Input("s", size=2, axis="row")
    h = ost.GRU(3, 4)(x)
    net = ost.Graph({"tags": ost.Dense(4, 2)(h), "mood": ost.Dense(6, 3)(ost.concat(ost.last(h), s))})
    given = {"x": X, "s": RNG.normal(size=(11, 2)).astype("f4")}
    found, whole = net.predict(given, lengths=LENGTHS, batch_size=3), net(given, lengths=LENGTHS)
    assert all(found[name].tobytes() == whole[name].tobytes() for name in whole)
    listed = net.predict({**given, "x": ROWS}, batch_size=3)
    assert [len(one) for one in listed["tags"]] == LENGTHS.tolist()
    assert listed["mood"].tobytes() == whole["mood"].tobytes()


def test_no_rows():
    assert tagger().predict(X[:0]).shape == (0, 6, 2)
    assert judge().predict([]).shape == (0, 2)
    assert tagger().predict([]) == []


def test_a_trainer_predicts_with_its_network():
    net = tagger()
    trainer = ost.Trainer(net, loss="mse")
    trainer.fit(X, RNG.normal(size=(11, 6, 2)), epochs=1)
    assert trainer.predict(X, batch_size=2).tobytes() == net(X).tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"x": 3.0}, "x is"),
        ({"x": X[0, 0]}, "x is"),
        ({"x": {"y": X}}, "y"),
        ({"x": X[..., :2]}, "x is"),
        ({"lengths": [1, 2]}, "lengths has 2 rows; x has 11"),
        ({"lengths": [1] * 300, "batch_size": 11}, "lengths has 300 rows; x has 11"),
        ({"mask": np.ones((300, 6), bool), "batch_size": 11}, "mask has 300 rows; x has 11"),
        ({"mask": MASK[:4]}, "mask"),
        ({"x": [[1.0, 2.0], 3.0]}, "x"),
    ],
)
def test_a_bad_argument_is_named(arguments, message):
    with pytest.raises(ost.OstinatoError, match=message):
        tagger().predict(**{"x": X, **arguments})


def test_inputs_of_other_numbers_of_rows_are_refused():
    x, s = ost.Input("x", size=3), ost.Input("s", size=2, axis="row")
    net = ost.Graph(ost.Dense(6, 3)(ost.concat(ost.last(ost.GRU(3, 4)(x)), s)))
    with pytest.raises(ost.ShapeError, match="s has 12 rows; x has 11"):
        net.predict({"x": X, "s": np.ones((12, 2))}, batch_size=11)
