"""The conformance kit, and what each regularizer does, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ostinato_regularizers import GaussianNoise, NormStabilizer, SpectralNorm, WeightNoise, WeightNorm

import ostinato as ost
from ostinato.testing import parametrize_checks

X = np.random.default_rng(0).normal(size=(6, 9, 3))
TARGETS = np.random.default_rng(1).normal(size=(6, 9, 4))


@parametrize_checks("norm_stabilizer", "gaussian_noise", "weight_noise", "spectral_norm", "weight_norm")
def test_conformance(check: Any) -> None:
    check()


def network(*regularizers: ost.Regularizer) -> ost.Network:
    return ost.Recurrent("gru", 3, 4, dtype="float64", regularizers=regularizers)


def test_the_stabilizer_adds_the_square_of_the_change_of_length() -> None:
    plain, priced = network(), network(NormStabilizer(0.7))
    states = np.concatenate([np.zeros((6, 1, 4)), plain.run(X).outputs], axis=1)
    lengths = np.linalg.norm(states, axis=2)
    expected = plain.value_and_grad(X, TARGETS, loss="mse")[0] + 0.7 * np.mean(np.diff(lengths) ** 2)
    # The floor under the root is 1e-12, so a length of 0 counts as 1e-6.
    np.testing.assert_allclose(priced.value_and_grad(X, TARGETS, loss="mse")[0], expected, rtol=1e-5)


def outputs(net: ost.Network, count: int) -> np.ndarray:
    """Outputs of training with `count` seeds."""
    return np.stack([net.run(X, training=True, seed=seed).outputs for seed in range(count)])


class Sum(ost.Cell):
    """y = W x: what becomes of the input and of the weight is seen as it is."""

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {"W": ost.Param((size.hidden, size.input), init="ones")}

    def state(self, size: Any) -> dict[str, ost.State]:
        return {}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        return p.W @ x, {}


@pytest.mark.parametrize("std", [0.1, 2.0])
def test_noise_of_the_input_is_normal_and_new_at_every_step(std: float) -> None:
    net = ost.Recurrent(Sum, 1, 1, dtype="float64", regularizers=[GaussianNoise(std)])
    x = np.zeros((50, 400, 1))
    drawn = net.run(x, training=True, seed=3).outputs.ravel() / std
    # 20,000 numbers: five standard errors of mean, variance and kurtosis; one alarm in 600,000 runs each.
    error = 5 / np.sqrt(drawn.size)
    assert abs(drawn.mean()) < error
    assert abs(drawn.var() - 1) < error * np.sqrt(2)
    assert abs((drawn**4).mean() - 3) < error * np.sqrt(96)
    assert len(np.unique(drawn)) > 0.99 * drawn.size
    assert not net.run(x).outputs.any()


def test_noise_of_weights_is_one_for_all_rows_and_steps_of_a_call() -> None:
    net = ost.Recurrent(Sum, 1, 3, dtype="float64", regularizers=[WeightNoise(0.5)])
    x = np.ones((4, 5, 1))
    first, second = net.run(x, training=True, seed=1).outputs, net.run(x, training=True, seed=2).outputs
    assert np.array_equal(first, np.broadcast_to(first[0, 0], first.shape))
    assert not np.isclose(first[0, 0], second[0, 0]).any()
    assert np.array_equal(net.run(x).outputs, np.ones((4, 5, 3)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: NormStabilizer(-1.0),
        lambda: GaussianNoise(-0.1),
        lambda: WeightNoise(np.inf),
        lambda: SpectralNorm(0.0),
        lambda: SpectralNorm(iterations=0),
        lambda: SpectralNorm(iterations=True),
        lambda: SpectralNorm(weights=1),
        lambda: WeightNorm(-1.0),
        lambda: WeightNorm(weights=b"*"),
    ],
)
def test_other_options_are_refused(make: Any) -> None:
    with pytest.raises(ost.ConfigError, match="expected"):
        make()


def recurrent(*regularizers: ost.Regularizer, seed: int = 0) -> tuple[ost.Network, np.ndarray]:
    """An RNN whose recurrent matrix is random, and that matrix."""
    net = ost.RNN(3, 4, dtype="float64", regularizers=regularizers)
    matrix = net.parameters()["weight_hh_l0"]
    matrix[...] = np.random.default_rng(seed).normal(size=(4, 4))
    return net, matrix


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_singular_value_is_the_norm_of_the_matrix_that_the_step_uses(seed: int) -> None:
    net, matrix = recurrent(SpectralNorm(0.7, iterations=300), seed=seed)
    plain = ost.RNN(3, 4, dtype="float64")
    plain.load_state_dict(net.state_dict())
    plain.parameters()["weight_hh_l0"][...] = 0.7 * matrix / np.linalg.norm(matrix, 2)
    for training in (True, False):
        np.testing.assert_allclose(net.run(X, training=training).outputs, plain(X), rtol=1e-10, atol=1e-12)


def test_few_iterations_never_overestimate_the_singular_value() -> None:
    largest = np.linalg.norm(W := np.random.default_rng(3).normal(size=(30, 20)), 2)
    found = [float(SpectralNorm(iterations=n).value(W)) for n in (1, 2, 4, 8, 16, 512)]
    assert found == sorted(found)
    assert 0.6 * largest < found[0] < found[-1] <= largest * (1 + 1e-12)
    assert found[-1] > 0.999 * largest


def test_the_gradient_of_a_converged_norm_is_that_of_constant_singular_vectors() -> None:
    net, matrix = recurrent(SpectralNorm(iterations=300))
    plain = ost.RNN(3, 4, dtype="float64")
    plain.load_state_dict(net.state_dict())
    (u, s, v), used = np.linalg.svd(matrix), plain.parameters()["weight_hh_l0"]
    used[...] = matrix / s[0]
    _, outer = plain.value_and_grad(X, TARGETS, loss="mse")
    d = outer.params["weight_hh_l0"]
    expected = d / s[0] - (d * matrix).sum() / s[0] ** 2 * np.outer(u[:, 0], v[0])
    _, grads = net.value_and_grad(X, TARGETS, loss="mse")
    np.testing.assert_allclose(grads.params["weight_hh_l0"], expected, rtol=1e-8, atol=1e-12)


def test_rows_have_one_length() -> None:
    net, matrix = recurrent(WeightNorm(0.5))
    plain = ost.RNN(3, 4, dtype="float64")
    plain.load_state_dict(net.state_dict())
    plain.parameters()["weight_hh_l0"][...] = 0.5 * matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    np.testing.assert_allclose(net(X), plain(X), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("one", [SpectralNorm(), WeightNorm()])
def test_a_matrix_of_zeros_stays_one(one: ost.Regularizer) -> None:
    net, matrix = recurrent(one)
    matrix[...] = 0.0
    _, grads = net.value_and_grad(X, TARGETS, loss="mse")
    assert np.isfinite(grads.arena).all()


@pytest.mark.parametrize("one", [SpectralNorm(weights="*x"), WeightNorm(weights="*x")])
def test_a_pattern_that_means_no_matrix_is_refused(one: ost.Regularizer) -> None:
    with pytest.raises(
        ost.ConfigError, match="no matrix is called '\\*x'; the matrices are weight_ih, weight_hh"
    ):
        ost.RNN(3, 4, regularizers=[one])


@pytest.mark.parametrize("one", [SpectralNorm(), WeightNorm()])
def test_the_norm_is_computed_once_per_call(one: ost.Regularizer) -> None:
    plain, normed = (ost.LSTM(16, 16, regularizers=given) for given in ([], [one]))
    counts = [
        {key: part[key] for part in net.plans() for key in ("forward", "backward")} for net in (plain, normed)
    ]
    assert counts[0] == counts[1]
    assert "computed from parameters alone, once per call" in normed.explain()
