"""A loss that draws noise: in training only, by seed, row and step, apart from the noise of layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops, testing

RNG = np.random.default_rng(0)
X = RNG.normal(size=(33, 6, 3))
TARGETS = RNG.normal(size=(33, 6, 3))
LENGTHS = RNG.integers(0, 7, 33)


class Smoothed(ost.Loss):
    """Squares of the error of a noisy output: in expectation, squares plus the variance of the noise."""

    examples = ({"std": 0.5},)

    def __init__(self, std: float = 0.5) -> None:
        self.std = std

    def step(self, y: Any, target: Any, noise: Any) -> Any:
        if noise.training:
            return ops.sum(ops.square(y + self.std * noise.normal(y.shape) - target))
        return ops.sum(ops.square(y - target) + self.std**2)


class Chosen(ost.Loss):
    """The error of some outputs, chosen once for each row; with a state, which counts the steps."""

    def state(self, size: Any) -> Any:
        return {"steps": ost.State(1)}

    def step(self, y: Any, target: Any, state: Any, noise: Any) -> Any:
        error = noise.drop(ops.square(y - target), 0.5, per="sequence")
        return ops.sum(error) + 0.0 * ops.sum(state.steps), {"steps": state.steps + 1.0}


class Draw(ost.Loss):
    """The numbers that are drawn, as the gradient of y."""

    def step(self, y: Any, target: Any, noise: Any) -> Any:
        drawn = noise.uniform(y.shape) if noise.training else 0.5 + 0.0 * y
        return ops.sum(drawn * y) + 0.0 * ops.sum(target)


class Passage(ost.Cell):
    """The output is the input."""

    def step(self, x: Any, state: Any, p: Any) -> Any:
        return x, {}


def network() -> ost.Network:
    return ost.Recurrent(Passage, 3, 1, dtype="float64")


def result(net: ost.Network, loss: Any, seed: int | None = 3, rows: int = 33, **more: Any) -> Any:
    value, grads = net.value_and_grad(
        X[:rows], TARGETS[:rows], loss=loss, reduction="sum", lengths=LENGTHS[:rows], seed=seed, **more
    )
    return value, grads.inputs


@pytest.mark.parametrize("loss", [Smoothed, Chosen])
def test_the_kit_takes_a_loss_with_noise(loss: Any) -> None:
    report = testing.check_loss(loss, "quick")
    assert report.ok, report
    assert "noise" in [one.id for one in report.results if one.outcome == "passed"], report


def test_every_row_step_and_unit_has_numbers_of_its_own_and_threads_do_not_matter() -> None:
    net, same = network(), np.ones((33, 6, 3))
    drawn = net.value_and_grad(same, same, loss=Draw(), reduction="sum", seed=1)[1].inputs
    assert len(np.unique(drawn)) == drawn.size
    assert drawn.min() >= 0.0 and drawn.max() < 1.0
    assert drawn.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * drawn.size))
    before = ost.get_num_threads()
    try:
        for threads in (1, 2, 4):
            ost.set_num_threads(threads)
            again = net.value_and_grad(same, same, loss=Draw(), reduction="sum", seed=1)[1].inputs
            assert np.array_equal(again, drawn)
    finally:
        ost.set_num_threads(before)
    fewer = net.value_and_grad(same[:5], same[:5], loss=Draw(), reduction="sum", seed=1)[1].inputs
    assert np.array_equal(fewer, drawn[:5])


def test_seeds_differ_and_the_networks_own_series_goes_on() -> None:
    net = network()
    assert result(net, Smoothed())[0] == result(net, Smoothed())[0] != result(net, Smoothed(), 4)[0]
    assert net.noise_calls == 0
    first, second = result(net, Smoothed(), None)[0], result(net, Smoothed(), None)[0]
    assert first != second and net.noise_calls == 2
    again = network()
    assert result(again, Smoothed(), None)[0] == first


def test_evaluation_draws_nothing() -> None:
    net = network()
    value = net.loss_value(X, TARGETS, loss=Smoothed(), reduction="sum", lengths=LENGTHS)[0]
    counted = np.arange(6) < LENGTHS[:, None]
    assert value == pytest.approx((((X - TARGETS) ** 2 + 0.25) * counted[..., None]).sum(), rel=1e-12)
    assert result(net, Smoothed(), None, regularize=False)[0] == pytest.approx(value, rel=1e-12)
    assert net.noise_calls == 0
    with pytest.raises(ost.ConfigError, match="seed is 3, but nothing is random"):
        result(net, Smoothed(), 3, regularize=False)


def test_windows_and_segments_draw_what_one_call_draws() -> None:
    net, long = ost.Recurrent("rnn", 3, 3, dtype="float64"), np.tile(X[:4], (1, 30, 1))
    ways = [ost.FullBPTT(), ost.CheckpointedBPTT("sqrt"), ost.TruncatedBPTT(60, 300)]
    values = [net.value_and_grad(long, long, loss=Draw(), seed=5, through_time=way)[0] for way in ways]
    assert values[0] == values[1] == values[2]


def test_a_layer_and_the_losses_of_two_outputs_draw_apart() -> None:
    x = ost.Input("x", size=3)
    one = ost.Recurrent(Passage, 3, 1, dtype="float64")(x)
    two = ost.Recurrent(Passage, 3, 1, dtype="float64")(x)
    net = ost.Graph(outputs={"one": one, "two": two})
    same = np.zeros((2, 2, 3))
    draws = []
    for scales in ((1.0, 0.0), (0.0, 1.0)):
        loss = {name: ost.weighted(Draw(), scale) for name, scale in zip(("one", "two"), scales, strict=True)}
        targets = {"one": same, "two": same}
        draws.append(net.value_and_grad(same, targets, loss=loss, reduction="sum", seed=1)[1].inputs)
    assert not np.intersect1d(*draws).size
    assert len(np.unique(draws)) == 2 * same.size


def test_a_trainer_draws_with_its_seed_and_its_validation_does_not() -> None:
    x, y = X.astype("float32"), TARGETS.astype("float32")
    losses = []
    for seed in (0, 0, 1):
        net = ost.Sequential(ost.GRU(3, 4), ost.Dense(4, 3))
        trainer = ost.Trainer(net, loss=Smoothed(), optimizer=ost.SGD(1e-9), seed=seed)
        history = trainer.fit(x, y, epochs=2, validation=(x, y), progress=False)
        losses.append([one["loss"] for one in history])
        assert history[-1]["val_loss"] == pytest.approx(net.loss_value(x, y, loss=Smoothed())[0], rel=1e-5)
    assert losses[0] == losses[1]
    assert len({*losses[0], *losses[2]}) == 4  # of each epoch, and of each seed


def test_a_metric_with_noise_is_refused() -> None:
    class Random(ost.Metric):
        """A metric that draws."""

        def step(self, y: Any, target: Any, noise: Any) -> Any:
            return ops.sum(y - target)

    net = network()
    with pytest.raises(ost.ConfigError, match=r"metric 'random'.*noise"):
        ost.Trainer(net, loss="mse", optimizer=ost.SGD(0.1), metrics=[Random()])
