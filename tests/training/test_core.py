"""What an estimator has besides gradients: the outputs of a batch, and the network step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.training.tasks import running_sum

X, TARGETS = running_sum()
LENGTHS = np.array([7, 5, 2, 0])


class Keeps(ost.Estimator):
    """Calls a function with the core and the batch, before the gradient."""

    def __init__(self, look: Any = None) -> None:
        self.look = look

    def estimate(self, core: Any, batch: Any) -> tuple[float, Any]:
        self.look(core, batch)
        return core.value_and_grad(batch)


def seen(net: ost.Network, look: Any, **options: Any) -> None:
    """One update with an estimator that looks at the core."""
    trainer = ost.Trainer(net, loss="mse", optimizer=ost.SGD(0.1), strategies=[Keeps(look)], **options)
    trainer.fit(X[:4], TARGETS[:4], lengths=LENGTHS, epochs=1, batch_size=4, progress=False)


def test_run_is_that_of_the_network_with_lengths_and_its_backward_pass() -> None:
    net = ost.Sequential(ost.GRU(2, 8), ost.Dense(8, 2))
    found = {}

    def look(core: Any, batch: Any) -> None:
        run = core.run(batch)
        plain = net.run(batch.x, lengths=batch.lengths, training=True)
        assert np.array_equal(run.outputs, plain.outputs)
        _, grads = core.value_and_grad(batch)
        error = run.outputs - batch.targets
        error[np.arange(7) >= np.asarray(batch.lengths)[:, None]] = 0.0
        back = run.backward(2 * error / (batch.count * error.shape[-1]))
        found["pair"] = (grads.arena.copy(), back.params)
        np.testing.assert_allclose(
            np.concatenate([one.ravel() for one in back.params.values()]),
            np.concatenate([one.ravel() for one in grads.params.values()]),
            rtol=1e-4,
            atol=1e-6,
        )

    seen(net, look)
    assert found


def test_run_has_the_noise_of_the_batch_and_none_without_training() -> None:
    regularizers = pytest.importorskip("ostinato_regularizers", reason="make test installs the plugin")
    net = ost.GRU(2, 2, regularizers=[regularizers.GaussianNoise(0.5)])
    calls = []

    def look(core: Any, batch: Any) -> None:
        first, second = core.run(batch).outputs, core.run(batch).outputs
        assert np.array_equal(first, second)
        own = net.run(batch.x, lengths=batch.lengths, training=True, seed=batch.seed).outputs
        assert np.array_equal(first, own)
        assert not np.array_equal(core.run(batch.replace(seed=batch.seed + 1)).outputs, first)
        at_rest = core.run(batch, training=False).outputs
        assert np.array_equal(at_rest, net.run(batch.x, lengths=batch.lengths).outputs)
        # the outputs are those of which the loss is the mean
        loss = core.value_and_grad(batch)[0]
        valid = np.arange(7) < np.asarray(batch.lengths)[:, None]
        assert loss == pytest.approx(float(((first - batch.targets) ** 2)[valid].mean()), rel=1e-5)
        calls.append(batch.seed)

    seen(net, look)
    assert len(calls) == 1


def test_a_stream_steps_the_network_with_the_parameters_of_now() -> None:
    net = ost.GRU(2, 2)
    before = net.stream(3)
    outputs = []

    def look(core: Any, batch: Any) -> None:
        net.arena[...] *= 0.5
        stream = core.stream(3)
        x = np.asarray(batch.x)[:3]
        steps = np.stack([stream.step(np.ascontiguousarray(x[:, t])) for t in range(7)], axis=1)
        np.testing.assert_allclose(steps, net.run(x).outputs, rtol=1e-5, atol=1e-6)
        outputs.append(steps)

    seen(net, look)
    assert len(outputs) == 1
    assert before.step(np.ones((3, 2), "float32")).shape == (3, 2)
