"""Pooling is a mean with weights that sum to one, over the valid steps alone."""

from __future__ import annotations

import numpy as np
from ostinato_attention import Pooling

import ostinato as ost

RNG = np.random.default_rng(0)


def test_without_scores_it_is_the_mean() -> None:
    layer, x, lengths = Pooling(4, 3, dtype="float64"), RNG.normal(size=(3, 5, 4)), [5, 2, 0]
    layer.arena[...] = 0
    means = [x[0].mean(0), x[1, :2].mean(0), np.zeros(4)]
    np.testing.assert_allclose(layer(x, lengths=lengths), means, atol=1e-15)


def test_it_is_softmax_over_time_in_numpy() -> None:
    layer, x = Pooling(4, 3, heads=2, dtype="float64"), RNG.normal(size=(2, 5, 4))
    weight, bias, queries = layer.parameters().values()
    scores = np.tanh(x @ weight.T + bias) @ queries.T  # (N, T, heads)
    weights = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = np.einsum("nth,nthf->nhf", weights, x.reshape(2, 5, 2, 2)).reshape(2, 4)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12)


def test_large_scores_do_not_overflow() -> None:
    layer = Pooling(4, 3, seed=1)
    layer.parameters()["1.weight"][...] = 1e4
    assert np.isfinite(layer(100 * RNG.normal(size=(2, 5, 4)))).all()


def test_it_learns_which_step_counts() -> None:
    x = RNG.normal(size=(256, 8, 3)).astype("float32")
    marked = RNG.integers(0, 8, 256)
    x[..., 2] = 0
    x[np.arange(256), marked, 2] = 3
    targets = x[np.arange(256), marked, :1]
    net = ost.Sequential(Pooling(3, 8), ost.Dense(3, 1))
    adam = ost.Adam(lr=3e-2)
    for _ in range(150):
        loss, grads = net.value_and_grad(x, targets, loss="mse")
        adam.step(net.arena, grads.arena)
    assert loss < 0.05 < np.var(targets)
