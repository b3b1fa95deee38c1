"""A step that draws noise: what regularizers draw, in training only, addressed by seed, row and step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager, ops, testing

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 7, 3))
TARGETS = RNG.normal(size=(5, 7, 4))
LENGTHS = np.array([7, 0, 3, 1, 6])


class Latent(ost.Cell):
    """A step through a normal latent value of learned mean and deviation.

    Source: Chung et al. 2015, "A recurrent latent variable model for sequential data", eq. 9, without the
    input of the next step.
    """

    def parameters(self, size: Any) -> Any:
        more = {"x": (size.hidden, size.input), "h": (size.hidden, size.hidden)}
        return {
            **{
                f"{kind}_{name}": ost.Param(shape)
                for kind in ("mean", "scale")
                for name, shape in more.items()
            },
            "z": ost.Param((size.hidden, size.hidden)),
        }

    def state(self, size: Any) -> Any:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any, noise: Any) -> Any:
        z = p.mean_x @ x + p.mean_h @ state.h
        if noise.training:
            z = z + ops.softplus(p.scale_x @ x + p.scale_h @ state.h) * noise.normal(z.shape)
        else:
            z = z + 0.0 * ops.softplus(p.scale_x @ x + p.scale_h @ state.h)
        h = ops.tanh(p.z @ z + state.h)
        return h, {"h": h}


class Noisy(ost.Cell):
    """An RNN whose input has noise, like one with the regularizer `gaussian_noise`."""

    def parameters(self, size: Any) -> Any:
        return {"w": ost.Param((size.hidden, size.input)), "u": ost.Param((size.hidden, size.hidden))}

    def state(self, size: Any) -> Any:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any, noise: Any) -> Any:
        if noise.training:
            x = x + 0.3 * noise.normal(x.shape)
        h = ops.tanh(p.w @ x + p.u @ state.h)
        return h, {"h": h}


class Plain(Noisy):
    """The same without noise."""

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = ops.tanh(p.w @ x + p.u @ state.h)
        return h, {"h": h}


class Attending(Noisy):
    """A cell with a memory and noise."""

    def memories(self, size: Any) -> Any:
        return {"source": ost.Memory(3)}

    def parameters(self, size: Any) -> Any:
        return {**super().parameters(size), "k": ost.Param((size.hidden, 3))}

    def step(self, x: Any, state: Any, p: Any, memory: Any, noise: Any) -> Any:
        weight = ops.entries.softmax(ops.dot(state.h, p.k @ memory.source))
        read = noise.drop(ops.entries.sum(weight * memory.source), 0.5)
        h = ops.tanh(p.w @ x + p.u @ state.h + p.k @ read)
        return h, {"h": h}


def grads(net: ost.Network, seed: int = 3, **options: Any) -> tuple[float, Any]:
    return net.value_and_grad(X, TARGETS, loss="mse", lengths=LENGTHS, seed=seed, **options)


def weights(net: ost.Network) -> dict[str, Any]:
    """The parameters by their names in the cell."""
    return {name.removesuffix("_l0"): value for name, value in net.parameters().items()}


def test_the_draws_are_those_of_a_regularizer():
    noisy = ost.Recurrent(Noisy, 3, 4, dtype="float64")
    other = ost.Recurrent(Plain, 3, 4, dtype="float64", regularizers=[gaussian_noise(0.3)])
    other.arena[...] = noisy.arena
    (one, found), (two, expected) = grads(noisy), grads(other)
    assert one == two
    assert np.array_equal(found.arena, expected.arena)


def gaussian_noise(std: float) -> ost.Regularizer:
    """The regularizer of ostinato-regularizers, written out."""

    class GaussianNoise(ost.Regularizer):
        """Adds normal numbers to the input."""

        def input(self, x: Any, noise: Any) -> Any:
            return x + std * noise.normal(x.shape) if noise.training else x

    return GaussianNoise()


def test_gradients_are_those_of_the_noise_that_was_drawn():
    net = ost.Recurrent(Latent, 3, 4, dtype="float64")
    _, found = grads(net)
    for place in range(0, net.arena.size, 5):
        slopes = []
        for change in (1e-6, -1e-6):
            moved = net.__copy__()
            moved.arena[place] += change
            slopes.append(grads(moved)[0])
        assert (slopes[0] - slopes[1]) / 2e-6 == pytest.approx(found.arena[place], rel=1e-6, abs=1e-8)
    long = [np.tile(one, (1, 60, 1)) for one in (X, TARGETS)]
    _, whole = net.value_and_grad(*long, loss="mse", seed=3)
    _, segments = net.value_and_grad(*long, loss="mse", seed=3, through_time=ost.CheckpointedBPTT("80%"))
    assert np.array_equal(segments.arena, whole.arena)


def test_seeds_rows_and_steps_have_noise_of_their_own_and_threads_do_not_matter():
    net = ost.Recurrent(Noisy, 3, 4, dtype="float64")
    same = np.ones((33, 6, 3))
    net.parameters()["u_l0"][...] = 0.0
    run = net.run(same, training=True, seed=1).outputs
    assert len(np.unique(run[..., 0])) == 33 * 6
    assert not np.array_equal(run, net.run(same, training=True, seed=2).outputs)
    before = ost.get_num_threads()
    try:
        for threads in (1, 2, 4):
            ost.set_num_threads(threads)
            assert np.array_equal(net.run(same, training=True, seed=1).outputs, run)
    finally:
        ost.set_num_threads(before)
    noise = np.arctanh(run[..., 0]) - np.arctanh(net.run(same).outputs[..., 0])
    scale = 0.3 * np.linalg.norm(net.parameters()["w_l0"][0])
    assert abs(noise.mean()) < 4 * scale / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(scale, rel=0.25)


def test_nothing_is_random_in_inference():
    net = ost.Recurrent(Latent, 3, 4, dtype="float64")
    outputs = net.run(X).outputs
    assert np.array_equal(net.run(X).outputs, outputs)
    assert np.array_equal(net.run(X, training=True, regularize=False).outputs, outputs)
    for row, expected in zip(X, outputs, strict=True):
        found, _ = eager.run(Latent(), weights(net), row, hidden_size=4)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    stream = net.stream(batch=5)
    np.testing.assert_allclose(stream.step(X[:, 0]), outputs[:, 0], rtol=1e-12)


def test_a_cell_within_another_draws_its_own_noise():
    net = ost.Recurrent(ost.stack(Noisy, Plain, Noisy), 3, 4, dtype="float64")
    quiet = ost.Recurrent(ost.stack(Plain, Plain, Plain), 3, 4, dtype="float64")
    quiet.arena[...] = net.arena
    assert np.array_equal(net.run(X).outputs, quiet.run(X).outputs)
    assert not np.array_equal(net.run(X, training=True, seed=1).outputs, quiet.run(X).outputs)
    decoder = ost.Decoder(Noisy, 3, 4, 3, attention="additive", query="before", dtype="float64")
    memory = RNG.normal(size=(5, 4, 3))
    once = decoder.run({"x": X, "source": memory}, training=True, seed=1).outputs
    assert not np.array_equal(once, decoder.run({"x": X, "source": memory}, training=True, seed=2).outputs)


def test_a_cell_with_noise_and_memory_gets_both():
    net = ost.Recurrent(Attending, 3, 4, dtype="float64")
    memory = RNG.normal(size=(5, 4, 3))
    outputs = net.run({"x": X, "source": memory}).outputs
    assert not np.array_equal(net.run({"x": X, "source": memory}, training=True, seed=1).outputs, outputs)
    for n in range(5):
        found, _ = eager.run(Attending(), weights(net), X[n], hidden_size=4, memories={"source": memory[n]})
        np.testing.assert_allclose(found, outputs[n], rtol=1e-12, atol=1e-14)


def test_the_file_of_a_noisy_cell_needs_no_class(tmp_path):
    net = ost.Recurrent(Latent, 3, 4, dtype="float64")
    net.save(tmp_path / "m")
    loaded = ost.load(tmp_path / "m")
    assert grads(loaded)[0] == grads(net)[0]
    assert np.array_equal(loaded.run(X).outputs, net.run(X).outputs)


def test_the_kit_passes_a_noisy_cell():
    testing.check_cell(Latent).raise_if_failed()
    testing.check_cell(Attending).raise_if_failed()


def test_noise_in_inference_and_in_python_is_refused():
    class Always(Noisy):
        def step(self, x: Any, state: Any, p: Any, noise: Any) -> Any:
            h = ops.tanh(p.w @ x + p.u @ state.h + noise.uniform(state.h.shape))
            return h, {"h": h}

    with pytest.raises(ost.ConfigError, match=r"noise\.training"):
        ost.Recurrent(Always, 3, 4)

    class Called(Noisy):
        def vjp(self, x: Any, state: Any, p: Any, d_output: Any, d_state: Any) -> Any:
            return x, {}, {}

    with pytest.raises(ost.ConfigError, match="draws no noise"):
        ost.Recurrent(Called, 3, 4)
