"""Metrics are their formulas over valid steps, whatever stands in the padding."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from tests.training.tasks import ragged_lengths

ROWS, STEPS, WIDTH = 10, 7, 5


def cross_entropy(y, targets):
    y = y.astype(np.float64)
    shifted = y - y.max(-1, keepdims=True)
    return np.log(np.exp(shifted).sum(-1)) - np.take_along_axis(shifted, targets[:, None], -1)[:, 0]


# metric, loss, formula over the valid steps (M, V) and targets (M,) or (M, V)
CASES = {
    "accuracy": ("cross_entropy", lambda y, t: (y.argmax(-1) == t).mean()),
    "perplexity": ("cross_entropy", lambda y, t: np.exp(cross_entropy(y, t).mean())),
    "bits_per_character": ("cross_entropy", lambda y, t: cross_entropy(y, t).mean() / np.log(2)),
    "mae": ("mse", lambda y, t: np.abs(y - t).mean()),
    "rmse": ("mse", lambda y, t: np.sqrt(np.square(y - t).mean())),
}


def network(**options):
    return ost.Sequential(ost.GRU(3, 4, **options), ost.Dense(4, WIDTH))


def data(loss):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, STEPS, 3)).astype("float32")
    if loss == "mse":
        return x, rng.normal(size=(ROWS, STEPS, WIDTH)).astype("float32")
    return x, rng.integers(0, WIDTH, size=(ROWS, STEPS))


@pytest.mark.parametrize("kind", ["whole", "padded", "ragged", "time first"])
@pytest.mark.parametrize("name", CASES)
def test_a_metric_is_its_formula_over_the_valid_steps(name, kind):
    loss, formula = CASES[name]
    x, targets = data(loss)
    lengths = np.full(ROWS, STEPS) if kind == "whole" else ragged_lengths(ROWS, STEPS)
    net = network(batch_first=kind != "time first")
    inside = np.arange(STEPS) < lengths[:, None]
    x[~inside] = np.nan
    outputs = network().run(np.nan_to_num(x), lengths=lengths).outputs
    expected = formula(outputs[inside], targets[inside])
    trainer = ost.Trainer(net, loss=loss, metrics=[name])
    if kind == "ragged":
        rows = [[row[:length] for row, length in zip(a, lengths, strict=True)] for a in (x, targets)]
        told = trainer.evaluate(*rows, batch_size=4)
    elif kind == "time first":
        turned = [np.ascontiguousarray(a.swapaxes(0, 1)) for a in (x, targets)]
        told = trainer.evaluate(*turned, lengths=lengths, batch_size=4)
    else:
        told = trainer.evaluate(x, targets, lengths=None if kind == "whole" else lengths, batch_size=4)
    # The engine's float32 exponentials and logarithms against float64.
    assert told[name] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_metrics_together_are_what_they_are_alone(loss):
    x, targets = data(loss)
    names = [name for name in CASES if CASES[name][0] == loss]
    together = ost.Trainer(network(), loss=loss, metrics=names).evaluate(x, targets)
    for name in names:
        alone = ost.Trainer(network(), loss=loss, metrics=[name]).evaluate(x, targets)
        assert together[name] == pytest.approx(alone[name], rel=1e-6)  # The loss alone sums in another order.


def test_weights_say_what_a_step_counts():
    x, targets = data("mse")
    weights = np.zeros((ROWS, STEPS), "float32")
    weights[:, -1] = 2.0
    trainer = ost.Trainer(network(), loss="mse", metrics=["mae"])
    outputs = trainer.net.run(x).outputs
    told = trainer.evaluate(x, targets, weights=weights)
    assert told["mae"] == pytest.approx(np.abs(outputs - targets)[:, -1].mean(), rel=1e-5)
    assert told["loss"] == pytest.approx(np.square(outputs - targets)[:, -1].mean(), rel=1e-5)
    still = ost.Trainer(network(), loss="mse", optimizer=ost.SGD(0.0))
    history = still.fit(x, targets, weights=weights, epochs=1)
    assert history[0]["loss"] == pytest.approx(told["loss"], rel=1e-5)


def test_of_equal_outputs_the_first_is_the_answer():
    net = ost.Dense(3, WIDTH)
    net.arena[...] = 0.0
    targets = np.arange(WIDTH)[None, :]
    trainer = ost.Trainer(net, loss="cross_entropy", metrics=["accuracy"])
    assert trainer.evaluate(np.zeros((1, WIDTH, 3), "float32"), targets)["accuracy"] == 1 / WIDTH


def test_a_metric_of_ones_own_needs_a_step_and_perhaps_a_finish():
    class Worst(ost.Metric):
        """The mean over steps of the largest error, doubled."""

        def step(self, y, target):
            return ops.max(ops.abs(y - target))

        def finish(self, mean):
            return 2 * mean

    x, targets = data("mse")
    trainer = ost.Trainer(network(), loss="mse", metrics=[Worst()])
    outputs = trainer.net.run(x).outputs
    expected = 2 * np.abs(outputs - targets).max(-1).mean()
    assert trainer.evaluate(x, targets)["worst"] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ost.ConfigError, match="write step"):
        ost.Trainer(network(), loss="mse", metrics=[ost.Metric()])


def test_an_error_in_an_equation_calls_a_metric_a_metric():
    class Bad(ost.Metric):
        """A vector, where one number is wanted."""

        def step(self, y, target):
            return y - target

    with pytest.raises(ost.ShapeError, match=r"^metric 'bad': "):
        ost.Trainer(network(), loss="mse", metrics=[Bad()])


def test_a_perplexity_that_no_float_holds_is_infinite():
    assert ost.metrics.Perplexity().finish(1e6) == np.inf
