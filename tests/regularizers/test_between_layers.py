"""Regularizers between layers: masks, seeds, axes, gradients, both directions, files."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 3)) + 3.0


def identity(*layers: object) -> ost.Sequential:
    """A Dense layer that returns its input, in float64, and then `layers`."""
    dense = ost.Dense(3, 3, bias=False, dtype="float64")
    dense.arena[...] = np.eye(3).ravel()
    return ost.Sequential(dense, *layers)


def test_dropout_drops_in_training_and_scales_what_is_left() -> None:
    net = identity(ost.Dropout(0.25))
    kept = net.run(X, training=True, seed=3).outputs / X
    assert set(np.unique(kept.round(9))) == {0.0, round(4 / 3, 9)}
    np.testing.assert_array_equal(net(X), X)


def test_the_seed_decides_the_masks_and_two_dropouts_differ() -> None:
    net = ost.Graph({"a": ost.Dropout(0.5)(x := ost.Input("x", size=3)), "b": ost.Dropout(0.5)(x)})
    one, same, other = (net.run(X, training=True, seed=seed).outputs for seed in (1, 1, 2))
    np.testing.assert_array_equal(one["a"], same["a"])
    assert (one["a"] != other["a"]).any()
    assert (one["a"] != one["b"]).any()


def test_the_backward_pass_has_the_masks_of_the_forward_pass() -> None:
    net = identity(ost.Dropout(0.5))
    run = net.run(X, training=True, seed=3)
    np.testing.assert_array_equal(run.backward(np.ones_like(X)).inputs, run.outputs / X)
    loss, _ = net.value_and_grad(X, np.zeros_like(X), loss="mse", reduction="sum", seed=3)
    assert np.isclose(loss, (run.outputs**2).sum() / 3)


def test_values_of_rows_are_dropped_once_per_row() -> None:
    row = ost.Input("row", size=8, axis="row")
    outputs = ost.Graph(ost.Dropout(0.5)(row)).run(np.ones((50, 8)), training=True, seed=1).outputs
    assert set(np.unique(outputs)) == {0.0, 2.0}
    assert 0.4 < (outputs == 0).mean() < 0.6


def test_dropout_of_the_same_place_is_the_dropout_of_a_layer() -> None:
    """The expectation over many masks is the value without, as for `regularizers=`."""
    net = identity(ost.Dropout(0.5))
    mean = np.mean([net.run(X, training=True, seed=seed).outputs for seed in range(2000)], axis=0)
    # The deviation of a mean of 2000 values of 2 X or 0 is X / sqrt(2000), 0.022 X; five of these.
    assert np.abs(mean / X - 1).max() < 0.11


def test_a_penalty_between_layers_is_added_to_the_loss() -> None:
    net = identity(ost.ActivationPenalty(0.1))
    assert np.isclose(net.run(X, training=True).penalty, 0.1 * (X**2).mean())


def test_dropout_at_the_beginning_has_the_width_of_the_next_layer() -> None:
    net = ost.Sequential(ost.Dropout(0.5), ost.GRU(3, 4), ost.Last(), ost.Dropout(0.5))
    assert net.input_size == 3
    assert net(X).shape == (4, 4)


@pytest.mark.parametrize("kind", ["gru", "bidirectional"])
def test_last_after_dropout_takes_the_end_of_each_direction(kind: str) -> None:
    def layer() -> ost.Network:
        if kind == "bidirectional":
            return ost.Bidirectional(ost.GRU(3, 4, seed=2))
        return ost.GRU(3, 4, num_layers=2, bidirectional=True, seed=2)

    lengths = [6, 3, 1, 0]
    with_dropout, without = (ost.Sequential(layer(), *more, ost.Last()) for more in ([ost.Dropout(0.5)], []))
    with_dropout.arena[...] = without.arena
    np.testing.assert_array_equal(with_dropout(X, lengths=lengths), without(X, lengths=lengths))
    ratio = with_dropout.run(X[:1], training=True, seed=1).outputs / without(X[:1])
    assert set(np.unique(ratio.round(5))) == {0.0, 2.0}


def test_a_file_holds_the_dropout_with_its_masks(tmp_path: Path) -> None:
    net = ost.Sequential(ost.Dropout(0.2), ost.GRU(3, 4), ost.Dropout(0.5), ost.Dense(4, 2), seed=1)
    net.save(tmp_path / "model")
    for other in (ost.load(tmp_path / "model"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(other) == repr(net)
        for training in (False, True):
            seed = 7 if training else None
            one, two = (each.run(X, training=training, seed=seed).outputs for each in (net, other))
            np.testing.assert_array_equal(one, two)


def test_the_same_bits_for_any_number_of_threads(threads) -> None:  # type: ignore[no-untyped-def]
    net = ost.Sequential(ost.GRU(3, 4), ost.Dropout(0.5), ost.Mean(), ost.Dropout(0.5))
    x, found = RNG.normal(size=(50, 6, 3)), []
    for count in (1, 2, 3):
        threads(count)
        loss, grads = net.value_and_grad(x, np.zeros((50, 4)), loss="mse", seed=3)
        found.append((loss, grads.arena.tobytes()))
    assert found[0] == found[1] == found[2]
