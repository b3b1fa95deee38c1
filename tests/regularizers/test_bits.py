"""Masks are a function of the seed: threads change nothing, another seed does."""

import numpy as np
import pytest

import ostinato as ost
from tests.regularizers.table import IDS, PAIRS, QUIET, REGULARIZERS, Problem, differing, network


def case(cell, regularizer, dtype="float32"):
    lengths = np.random.default_rng(1).integers(0, 13, size=61)
    return Problem(network(cell, REGULARIZERS[regularizer], 5, 17, dtype=dtype), 61, 12, lengths)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_any_number_of_threads_gives_the_same_bits(cell, regularizer, dtype, threads):
    problem = case(cell, regularizer, dtype)
    threads(1)
    alone = problem.results()
    for count in (2, 3, 4):
        threads(count)
        assert differing(alone, problem.results()) == [], f"{count} threads differ from one"


@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_the_seed_decides(cell, regularizer):
    problem = case(cell, regularizer)
    first = problem.results(seed=1)
    assert differing(first, problem.results(seed=1)) == []
    other = differing(first, problem.results(seed=2))
    assert ("outputs" in other) == (regularizer not in QUIET)


@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_both_types_draw_the_same_masks(cell, regularizer):
    single, double = (case(cell, regularizer, dtype).run().outputs for dtype in ("float32", "float64"))
    # a mask that differs changes numbers by a good part of themselves; rounding does not
    np.testing.assert_allclose(single, double, rtol=0, atol=2e-4)


def test_layers_and_directions_draw_masks_of_their_own():
    net = ost.Sequential(
        *[
            ost.RNN(40, 40, nonlinearity="identity", regularizers=[ost.Dropout(0.5, where="output")])
            for _ in "ab"
        ]
    )
    x = np.random.default_rng(0).standard_normal((2, 3, 40))
    net.run(x, training=True, seed=0)
    first = ost.RNN(40, 40, 2, bidirectional=True, regularizers=[ost.Dropout(0.5, where="output")])
    zeros = first.run(x, training=True, seed=0).outputs == 0
    assert (zeros[..., :40] != zeros[..., 40:]).any()


def test_without_a_seed_every_call_draws_anew_and_a_network_made_alike_draws_the_same():
    def outputs(seed):
        net = ost.LSTM(3, 8, regularizers=["zoneout"], seed=seed)
        net.arena[...] = 0.3
        return [net.run(np.ones((2, 4, 3)), training=True).outputs for _ in range(3)]

    first, again, other = outputs(1), outputs(1), outputs(2)
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
    assert (first[1] != first[2]).any()
    assert (first[0] != other[0]).any()


@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_more_steps_change_nothing_before_them(cell, regularizer):
    net = network(cell, REGULARIZERS[regularizer], 5, 17)
    x = np.random.default_rng(0).standard_normal((19, 150, 5)).astype("float32")
    long = net.run(x, training=True, seed=4).outputs
    np.testing.assert_array_equal(net.run(x[:, :13], training=True, seed=4).outputs, long[:, :13])


def test_a_row_draws_by_its_place_in_the_call_whatever_the_lengths_of_others():
    net = ost.GRU(3, 8, regularizers=[ost.VariationalDropout(0.5), ost.Zoneout(0.2)])
    x = np.random.default_rng(0).standard_normal((20, 6, 3))
    whole = net.run(x, training=True, seed=4).outputs
    lengths = np.full(20, 6)
    lengths[:10] = range(10, 0, -1)
    ragged = net.run(x, lengths=np.minimum(lengths, 6), training=True, seed=4).outputs
    for row, length in enumerate(np.minimum(lengths, 6)):
        np.testing.assert_array_equal(ragged[row, :length], whole[row, :length])


@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_training_goes_on_after_a_resume_as_without_the_break(cell, regularizer, tmp_path):
    def steps(net, count):
        losses = []
        for _ in range(count):
            loss, grads = net.value_and_grad(x, targets, loss="mse")
            net.arena[...] -= 0.1 * grads.arena
            losses.append(loss)
        return losses

    whole = network(cell, REGULARIZERS[regularizer], 3, 6, num_layers=2)
    rng = np.random.default_rng(0)
    x, targets = rng.standard_normal((9, 5, 3)), rng.standard_normal((9, 5, 6))
    net = network(cell, REGULARIZERS[regularizer], 3, 6, num_layers=2)
    expected = steps(whole, 5)
    first = steps(net, 2)
    net.save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    assert loaded.noise_calls == net.noise_calls
    assert first + steps(loaded, 3) == expected
    assert loaded.arena.tobytes() == whole.arena.tobytes()


def test_the_count_of_calls_is_a_whole_number():
    net = ost.LSTM(3, 8, regularizers=["zoneout"])
    assert net.noise_calls == 0
    for wrong in (-1, 1.5, "2", True):
        with pytest.raises(ost.ConfigError, match="noise_calls"):
            net.noise_calls = wrong


def test_a_call_that_raises_takes_no_seed_of_the_series():
    net = ost.GRU(3, 4, regularizers=[ost.RecurrentDropout(0.5)])
    x, targets = np.ones((2, 9, 3), "float32"), np.zeros((2, 9, 4), "float32")
    for way in (ost.CheckpointedBPTT(1), None):
        before = net.noise_calls
        options = {"loss": "mse", "through_time": way}
        if way is None:
            net.value_and_grad(x, targets, **options)
        else:
            with pytest.raises(ost.ConfigError, match="too small"):
                net.value_and_grad(x, targets, **options)
        assert net.noise_calls == before + (way is None)
