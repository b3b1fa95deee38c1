"""Gradients with regularizers at rest: of what the network computes without training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 3))
Y = RNG.normal(size=(4, 6, 2))

REGULARIZERS: dict[str, Any] = {
    "dropout": [ost.Dropout(0.5)],
    "variational": [ost.VariationalDropout(0.4)],
    "recurrent": [ost.RecurrentDropout(0.4)],
    "zoneout": [ost.Zoneout(0.3)],
    "weight drop": [ost.WeightDrop(0.5)],
    "penalties": [ost.L2(0.1), ost.ActivationPenalty(0.2)],
    "all": [ost.Dropout(0.2), ost.Zoneout(0.2), ost.WeightDrop(0.2), ost.L2(0.1)],
}


def network(regularizers: Any, cell: str = "lstm", **options: Any) -> ost.Network:
    inner = ost.Recurrent(cell, 3, 5, regularizers=regularizers, dtype="float64", **options)
    wide = 10 if options.get("bidirectional") else 5
    return ost.Sequential(inner, ost.Dense(wide, 2, dtype="float64"))


@pytest.mark.parametrize("name", REGULARIZERS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"cell": "gru"}], ids=str)
def test_gradients_at_rest_are_those_of_inference(name, options):
    """By central differences of loss_value, which regularizes nothing."""
    net = network(REGULARIZERS[name], **options)
    loss, grads = net.value_and_grad(X, Y, loss="mse", regularize=False)
    assert loss == net.loss_value(X, Y, loss="mse")[0] and grads.penalty == 0.0
    for value, slope in ((X, grads.inputs), (net.arena, grads.arena)):
        flat, slopes = value.reshape(-1), slope.reshape(-1)
        for place in RNG.choice(flat.size, 6, replace=False):
            if slopes[place] == 0.0:
                continue  # the gaps of the arena
            before, h = flat[place], 1e-6
            ends = []
            for sign in (1, -1):
                flat[place] = before + sign * h
                ends.append(net.loss_value(X, Y, loss="mse")[0])
            flat[place] = before
            assert abs((ends[0] - ends[1]) / (2 * h) - slopes[place]) < 1e-7


@pytest.mark.parametrize("name", REGULARIZERS)
def test_a_run_at_rest_has_the_outputs_of_inference_and_a_backward_pass(name):
    net = network(REGULARIZERS[name])
    run = net.run(X, training=True, regularize=False)
    assert run.outputs.tobytes() == net(X).tobytes() and run.penalty is None
    found = run.backward(2.0 * (run.outputs - Y) / Y.size)
    _, wanted = net.value_and_grad(X, Y, loss="mse", regularize=False)
    assert np.allclose(found.inputs, wanted.inputs, atol=1e-12)
    assert np.allclose(found.arena, wanted.arena, atol=1e-12)


def test_dropout_at_rest_is_the_network_without_it():
    net = network([ost.Dropout(0.5)])
    twin = network([])
    twin.load_state_dict(net.state_dict())
    wanted, found = (one.run(X, training=True, regularize=False) for one in (twin, net))
    assert found.backward(Y).arena.tobytes() == wanted.backward(Y).arena.tobytes()


def test_at_rest_draws_no_seed_and_refuses_one():
    net = network(REGULARIZERS["all"])
    net.run(X, training=True, regularize=False)
    net.value_and_grad(X, Y, loss="mse", regularize=False)
    assert net.noise_calls == 0
    net.value_and_grad(X, Y, loss="mse")
    assert net.noise_calls == 1
    for call in (
        lambda: net.run(X, training=True, regularize=False, seed=3),
        lambda: net.value_and_grad(X, Y, loss="mse", regularize=False, seed=3),
    ):
        with pytest.raises(ost.ConfigError, match="nothing is random"):
            call()


def test_frozen_and_through_time_hold_at_rest():
    net = network(REGULARIZERS["all"])
    net.freeze("0.*")
    truncated = ost.TruncatedBPTT(2, 4)
    loss, grads = net.value_and_grad(X, Y, loss="mse", regularize=False, through_time=truncated)
    assert set(grads.params) == {"1.weight", "1.bias"}
    again = net.value_and_grad(X, Y, loss="mse", regularize=False, through_time=truncated)
    assert again[0] == loss and again[1].arena.tobytes() == grads.arena.tobytes()


@pytest.mark.parametrize("value", [0, None, "no"])
def test_a_flag_is_a_flag(value):
    with pytest.raises(ost.ConfigError, match="regularize is"):
        network([]).run(X, training=True, regularize=value)
