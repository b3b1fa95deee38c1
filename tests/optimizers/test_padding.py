"""The numbers between the parameters of an arena belong to no parameter: writing them changes no step.

Parameters begin on cache lines. Noise for a whole arena, a mean of arenas or a filled arena writes
the numbers between them too.
"""

import numpy as np
import pytest

import ostinato as ost
from tests.optimizers import outside

OPTIMIZERS = {
    "sgd": lambda: ost.SGD(0.1, weight_decay=0.1),
    "momentum": lambda: ost.SGD(0.1, momentum=0.9),
    "adam": lambda: ost.Adam(0.01, decoupled_decay=0.1),
    "lion": outside.Lion,
}
STRAY = [1e3, -1e30, np.inf, np.nan]


def network(dtype):
    return ost.Sequential(ost.GRU(3, 5, dtype=dtype), ost.Dense(5, 2, dtype=dtype), seed=1)


def gradients(net):
    x = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(net.dtype)
    return net.value_and_grad(x, 5 * x[..., :2], loss="mse", input_gradient=False)[1]


def gaps(net):
    """The places of the arena that no parameter has, from the addresses of the parameters."""
    free = np.ones(net.arena.size, bool)
    start = net.arena.__array_interface__["data"][0]
    for one in net.parameters().values():
        at = (one.__array_interface__["data"][0] - start) // one.itemsize
        free[at : at + one.size] = False
    assert free.any()
    return np.flatnonzero(free)


def in_gradients(net, grads, stray):
    grads.arena[gaps(net)] = stray
    return net.arena, grads.arena


def in_parameters(net, grads, stray):
    net.arena[gaps(net)] = stray
    return net.arena, grads.arena


def in_both_of_plain_gradients(net, grads, stray):
    net.arena[gaps(net)] = stray
    grads.arena[gaps(net)] = stray
    return net.arena, np.array(grads.arena)


def in_a_result(net, grads, stray):
    noise = np.zeros_like(np.asarray(grads.arena))
    noise[gaps(net)] = stray
    return np.asarray(net.arena), grads.arena + noise


WAYS = [in_gradients, in_parameters, in_both_of_plain_gradients, in_a_result]


@pytest.mark.parametrize("stray", [1e3, np.nan])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_neither_counts_nor_reads_it(name, frozen, way, stray):
    """A norm that counted it would make the step of clipped gradients far too small."""
    found = []
    for write in (lambda net, grads, _: (net.arena, grads.arena), way):
        net, optimizer = network("float32"), OPTIMIZERS[name]()
        if frozen:
            net.freeze("0.bias*")
        norms = [optimizer.step(*write(net, gradients(net), stray), clip_norm=0.5) for _ in range(3)]
        found.append((norms, {key: one.copy() for key, one in net.parameters().items()}))
    (norms, clean), (other, written) = found
    np.testing.assert_allclose(other, norms, rtol=1e-6)
    for key, one in clean.items():
        np.testing.assert_allclose(written[key], one, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize("take", ["step", "step_eagerly"])
def test_the_numbers_themselves_are_those_of_a_step_by_name(take, stray):
    one, other = network("float64"), network("float64")
    grads, same = gradients(one), gradients(other)
    grads.arena[gaps(one)] = stray
    norm = getattr(ost.SGD(0.1), take)(one.arena, grads.arena, clip_norm=0.5)
    assert norm == pytest.approx(ost.SGD(0.1).step(other.parameters(), same.params, clip_norm=0.5))
    for key, array in one.parameters().items():
        np.testing.assert_allclose(array, other.parameters()[key], rtol=1e-12)


@pytest.mark.parametrize("stray", STRAY)
def test_clip_norm_of_an_arena_does_not_count_it(stray):
    net = network("float64")
    grads, same = gradients(net), gradients(net)
    grads.arena[gaps(net)] = stray
    assert ost.clip_norm(grads.arena, 0.5) == pytest.approx(ost.clip_norm(same.params, 0.5))
    for key, array in grads.params.items():
        np.testing.assert_allclose(array, same.params[key], rtol=1e-12)


@pytest.mark.parametrize("stray", STRAY)
def test_a_callback_may_write_the_whole_arena(stray):
    class Fill:
        """Writes what changes no gradient."""

        @ost.hookimpl
        def ostinato_after_backward(self, run, grads):
            grads.arena[gaps(run.net)] = stray

    x = np.random.default_rng(0).normal(size=(8, 6, 3)).astype("float32")
    histories = []
    for callbacks in ([], [Fill()]):
        trainer = ost.Trainer(network("float32"), loss="mse", clip_norm=0.5, callbacks=callbacks, seed=0)
        histories.append(trainer.fit(x, x[..., :2], epochs=3, progress=False)["grad_norm"])
    np.testing.assert_allclose(*histories, rtol=1e-5)
