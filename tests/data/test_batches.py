"""Batches by length: every row once, in an order that the seed decides, with what a run needs to go on."""

import json
from itertools import chain, islice

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Batches, ByLength, pack, unpack

LENGTHS = np.random.default_rng(0).integers(1, 60, size=203)


def rows(lengths=LENGTHS, width=2):
    rng = np.random.default_rng(1)
    return [rng.standard_normal((length, width)).astype("float32") for length in lengths]


SETTINGS = [
    {},
    {"pool": None},
    {"pool": 1},
    {"pool": 3, "batch_size": 7},
    {"shuffle": False},
    {"max_steps": 300},
    {"max_steps": 64, "batch_size": 5, "pool": 2},
    {"batch_size": 500},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_every_row_comes_once_an_epoch_with_its_own_steps_and_targets(setting):
    x = rows()
    targets = [np.cumsum(row, axis=0) for row in x]
    batches = Batches(x, targets, **setting)
    for epoch in range(2):
        assert batches.epoch == epoch
        count = len(batches)
        seen = []
        for batch in batches:
            assert batch.x.shape == (batch.rows, batch.lengths.max(), 2)
            for place, row in enumerate(batch.places):
                length = batch.lengths[place]
                np.testing.assert_array_equal(batch.x[place, :length], x[row])
                np.testing.assert_array_equal(batch.targets[place, :length], targets[row])
                assert (batch.x[place, length:] == 0).all() and length == len(x[row])
            assert batch.rows <= batches.cut.batch_size
            if batches.cut.max_steps:
                assert batch.x.shape[0] * batch.x.shape[1] <= batches.cut.max_steps
            seen.append(batch.places)
        assert len(seen) == count
        assert sorted(np.concatenate(seen)) == list(range(len(x)))


def order(batches):
    return [batch.places.tolist() for batch in batches]


def test_the_seed_and_the_epoch_alone_decide_the_order():
    first, again, other = (Batches(rows(), seed=seed) for seed in (1, 1, 2))
    epochs = [order(first) for _ in range(3)]
    assert epochs == [order(again) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != order(other)
    kept = Batches(rows(), shuffle=False, pool=1)
    assert order(kept) == order(kept)
    assert list(chain(*order(kept))) == list(range(len(LENGTHS)))


def test_a_shuffled_epoch_does_not_run_from_long_to_short():
    batches = Batches(rows(), pool=None, batch_size=10)
    longest = [batch.lengths.max() for batch in batches]
    assert longest != sorted(longest, reverse=True)


@pytest.mark.parametrize("stop", [0, 1, 5, 13])
@pytest.mark.parametrize("setting", [{}, {"max_steps": 200}], ids=str)
def test_a_state_goes_on_with_the_next_batch(setting, stop):
    make = lambda: Batches(rows(), batch_size=16, seed=3, **setting)  # noqa: E731
    whole = make()
    list(whole)  # epoch 0
    expected = order(whole) + order(whole)
    broken = make()
    list(broken)
    first = [batch.places.tolist() for batch in islice(broken, stop)]
    state = json.loads(json.dumps(broken.state_dict()))
    resumed = make()
    resumed.load_state_dict(state)
    assert first + order(resumed) + order(resumed) == expected


def test_a_state_of_other_data_is_refused():
    state = Batches(rows(), seed=1).state_dict()
    for other in (Batches(rows(), seed=2), Batches(rows()[1:], seed=1), Batches(rows(), seed=1, pool=7)):
        with pytest.raises(ost.ConfigError, match="other data or settings"):
            other.load_state_dict(state)


def test_a_trainer_takes_rows_by_length():
    x = rows()
    net = ost.Sequential(ost.GRU(2, 4), ost.Dense(4, 2))
    seen = []

    class Seen:
        def __call__(self, lengths):
            seen.append(ByLength(40)(lengths))
            return seen[-1]

    trainer = ost.Trainer(net, loss="mse", optimizer="adam", seed=0)
    trainer.fit(x, [np.zeros_like(row) for row in x], batch_size=Seen(), epochs=1)
    assert sorted(np.concatenate(seen[-1])) == list(range(len(x)))


def test_peeking_costs_nothing():
    batches = Batches(rows(), batch_size=16)
    next(iter(batches))
    assert sorted(chain(*order(batches))) == list(range(len(LENGTHS)))


def test_drop_last_leaves_out_less_than_a_batch():
    batches = Batches(rows(), batch_size=32, drop_last=True)
    found = order(batches)
    assert [len(one) for one in found] == [32] * 6
    assert len(batches) == 6


def test_padding_is_what_the_batches_hold():
    batches = Batches(rows(), batch_size=16)
    padding = batches.padding()
    held = list(batches)
    assert padding.valid == LENGTHS.sum() == sum(batch.lengths.sum() for batch in held)
    assert padding.steps == sum(batch.x.shape[0] * batch.x.shape[1] for batch in held)
    assert padding.share == 1 - padding.valid / padding.steps
    # 203 lengths spread over 1..59 in 13 batches: sorted neighbours differ by about 5, random ones by 30
    assert padding.share < 0.12 < 0.4 < padding.unsorted_share
    assert "padding" in str(padding)
    assert Batches([]).padding().share == 0.0 and list(Batches([])) == []


@pytest.mark.parametrize("kind", ["list", "padded", "packed"])
def test_all_forms_of_rows_are_the_same_data(kind):
    x, labels = rows(), np.arange(len(LENGTHS))
    given = {"list": (x, None), "packed": (pack(x), None), "padded": (unpack(pack(x))[0], LENGTHS)}[kind]
    found = list(Batches(given[0], labels, lengths=given[1], per="sequence", seed=4))
    for one, other in zip(found, Batches(x, labels, per="sequence", seed=4), strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.targets, other.places)


def test_packed_rows_run_as_the_rows_do():
    net = ost.GRU(2, 5, dtype="float64")
    x = [row.astype("float64") for row in rows([3, 7, 1, 7, 4])]
    targets = [np.ones((len(row), 5)) for row in x]
    packed = pack(x)
    assert packed.batch_sizes.tolist() == [5, 4, 4, 3, 2, 2, 2]
    np.testing.assert_array_equal(net.run(packed).outputs, net.run(x).outputs)
    loss, grads = net.value_and_grad(packed, pack(targets), loss="mse")
    again, other = net.value_and_grad(x, targets, loss="mse")
    assert loss == again
    np.testing.assert_array_equal(grads.inputs, other.inputs)
    back, lengths = unpack(packed)
    assert lengths.tolist() == [3, 7, 1, 7, 4]
    np.testing.assert_array_equal(back[1], x[1])


def packed(data, sizes, order=None):
    return ost.data.Packed(np.zeros(data), np.array(sizes), None if order is None else np.array(order))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Batches(rows(), batch_size=0), ost.ConfigError, "batch_size"),
        (lambda: Batches(rows(), pool=0), ost.ConfigError, "pool"),
        (lambda: Batches(rows(), max_steps=10), ost.ConfigError, "a row has 59 steps"),
        (lambda: Batches(rows(), max_steps=90, drop_last=True), ost.ConfigError, "drop_last"),
        (lambda: Batches(rows(), rows(LENGTHS[::-1])), ost.ShapeError, "other lengths than x"),
        (lambda: Batches(rows(), np.zeros(3), per="sequence"), ost.ShapeError, "expected 203, one"),
        (lambda: Batches(rows(), lengths=LENGTHS), ost.ConfigError, "lengths is given"),
        (lambda: Batches(np.zeros((3, 4, 2)), lengths=[1, 2, 5]), ost.ShapeError, "from 0 to 4"),
        (lambda: Batches([np.zeros((3, 2)), np.zeros((3, 1))]), ost.ShapeError, r"x\[1\]"),
        (lambda: Batches(np.zeros(3)), ost.ShapeError, "expected"),
        (lambda: pack([np.zeros((0, 2))]), ost.ShapeError, "nothing to pack"),
        (lambda: unpack(packed((6, 2), [2, 3, 1])), ost.ShapeError, "never rise"),
        (lambda: unpack(packed((7, 2), [3, 2, 1])), ost.ShapeError, "add up"),
        (lambda: unpack(packed((6, 2), [3, 2, 1], [0, 0, 1])), ost.ShapeError, "sorted_indices"),
        (lambda: ost.GRU(2, 3).run(pack(rows()), lengths=LENGTHS), ost.ConfigError, "lengths is given"),
    ],
)
def test_what_makes_no_batches_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_weights_go_with_their_targets():
    x = rows()
    weights = [np.linspace(0, 1, length, dtype="float32") for length in LENGTHS]
    net = ost.GRU(2, 2)
    for more in ({}, {"net": net}):
        batches = Batches(x, x, weights=weights, batch_size=7, **more)
        for batch in batches:
            for place, row in enumerate(batch.places):
                np.testing.assert_array_equal(batch.weights[place, : LENGTHS[row]], weights[row])
        trainer = ost.Trainer(net, loss="mse")
        # float32 sums in another order
        whole = net.loss_value(x, x, loss="mse", weights=weights)[0]
        assert trainer.evaluate(batches)["loss"] == pytest.approx(whole, rel=1e-5)
        assert trainer.evaluate(Batches(x, x, **more))["loss"] != pytest.approx(whole, rel=1e-3)


def test_weights_of_whole_rows_go_with_their_rows():
    x, weights = rows(), (np.arange(len(LENGTHS)) % 3).astype("float32")
    targets = np.ones((len(LENGTHS), 2), "float32")
    net = ost.Sequential(ost.GRU(2, 2), ost.Last())
    batches = Batches(x, targets, weights=weights, batch_size=7, per="sequence")
    assert all((batch.weights == weights[batch.places]).all() for batch in batches)
    whole = net.loss_value(x, targets, loss="mse", weights=weights)[0]
    assert ost.Trainer(net, loss="mse").evaluate(batches)["loss"] == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    ("weights", "options", "error", "text"),
    [
        ([np.ones(2)] * 3, {}, ost.ShapeError, "weights has other lengths than x"),
        ([np.ones(2)], {}, ost.ShapeError, "weights has other lengths than x"),
        ([-np.ones(2), np.ones(3)], {}, ost.ConfigError, "weights holds a negative number"),
        ([["a", "b"], ["c"] * 3], {}, ost.DTypeError, "weights"),
        ({"output": 1}, {}, ost.ConfigError, "weights is a dict; give net="),
        (np.ones(3), {"per": "sequence"}, ost.ShapeError, r"weights is \(3,\); expected 2, one for each row"),
        ([np.ones(2), np.ones(3)], {"targets": None}, ost.ConfigError, "weights is given without targets"),
    ],
)
def test_weights_that_do_not_fit_are_named(weights, options, error, text):
    x = rows([2, 3])
    targets = options.pop("targets", np.ones((2, 2)) if "per" in options else x)
    with pytest.raises(error, match=text):
        Batches(x, targets, weights=weights, **options)
