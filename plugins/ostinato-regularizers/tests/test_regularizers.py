"""The conformance kit, and what each regularizer does, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ostinato_regularizers import GaussianNoise, NormStabilizer, WeightNoise

import ostinato as ost
from ostinato.testing import parametrize_checks

X = np.random.default_rng(0).normal(size=(6, 9, 3))
TARGETS = np.random.default_rng(1).normal(size=(6, 9, 4))


@parametrize_checks("norm_stabilizer", "gaussian_noise", "weight_noise")
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
    "make", [lambda: NormStabilizer(-1.0), lambda: GaussianNoise(-0.1), lambda: WeightNoise(np.inf)]
)
def test_other_options_are_refused(make: Any) -> None:
    with pytest.raises(ost.ConfigError, match="expected"):
        make()
