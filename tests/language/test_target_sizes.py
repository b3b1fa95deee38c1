"""Targets with another number of features than the output: in networks, rows, trainers and metrics."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from ostinato.losses import GaussianNLL, Pinball

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 6, 2)).astype("float32")


def network(width, *, of_rows=False):
    parts = [ost.GRU(2, 8), *([ost.Last()] if of_rows else []), ost.Dense(8, width)]
    return ost.Sequential(*parts, seed=3)


@pytest.mark.parametrize("of_rows", [False, True])
@pytest.mark.parametrize(("loss", "width"), [(Pinball(), 6), (GaussianNLL(), 4)])
def test_the_value_is_the_mean_of_the_steps(loss, width, of_rows):
    net = network(width, of_rows=of_rows)
    targets = rng.normal(size=(64, 2) if of_rows else (64, 6, 2)).astype("float32")
    y = net(X)
    steps = zip(y.reshape(-1, width), targets.reshape(-1, 2), strict=True)
    expected = np.mean([loss.step(*one) for one in steps])
    assert net.loss_value(X, targets, loss=loss)[0] == pytest.approx(expected, rel=1e-5)
    for wrong in (targets[..., :1], y):
        with pytest.raises(ost.ShapeError, match="targets is"):
            net.value_and_grad(X, wrong, loss=loss)


def test_the_quantiles_of_a_normal_distribution_are_found():
    net = ost.Sequential(ost.Dense(1, 3))
    x, targets = np.zeros((256, 4, 1), "float32"), rng.normal(size=(256, 4, 1)).astype("float32")
    trainer = ost.Trainer(net, loss=Pinball(), optimizer=ost.Adam(lr=5e-2), seed=1)
    trainer.fit(x, targets, epochs=30, batch_size=32)
    found = (targets < net(x)).mean(axis=(0, 1))
    np.testing.assert_allclose(found, [0.1, 0.5, 0.9], atol=0.04)  # noise of the last updates


class Inside(ost.Metric):
    """Whether the target lies between the first and the last quantile."""

    better = "higher"

    def target_size(self, width):
        return width // 3

    def step(self, y, target):
        return ops.where(y[0] < target[0], 1.0, 0.0) * ops.where(target[0] < y[2], 1.0, 0.0)


def test_a_metric_takes_the_targets_of_the_loss():
    targets = rng.normal(size=(64, 6, 1)).astype("float32")
    net = network(3)
    found = ost.Trainer(net, loss=Pinball(), metrics=[Inside()]).evaluate(X, targets)["inside"]
    y = net(X)
    assert found == pytest.approx(((y[..., :1] < targets) & (targets < y[..., 2:])).mean())
    with pytest.raises(
        ost.ConfigError, match=r"metric 'mae' takes targets of 3 numbers.* loss 'pinball' of 1"
    ):
        ost.Trainer(net, loss=Pinball(), metrics=["mae"])


@pytest.mark.parametrize("size", [0, 1.5, None, True])
def test_a_wrong_target_size_is_named(size):
    class Wrong(Pinball):
        name = "wrong_of_tests"

        def target_size(self, width):
            return size

    with pytest.raises(ost.ConfigError, match=r"loss 'wrong_of_tests': target_size\(width\) is"):
        network(3).value_and_grad(X, X, loss=Wrong())
