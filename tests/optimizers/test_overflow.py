"""A step that would write a number that is not finite raises NonFiniteError, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from ostinato.plugins.registry import registry
from ostinato.training.train_step import takes_names
from tests.optimizers.outside import Annealed, Lion, RMSprop, Rprop, Swap

BUILT_IN = sorted(entry.shown for entry in registry.entries() if entry.kind == "optimizer")
MAKES = {
    **{
        name: lambda name=name: registry.resolve("optimizer", name).spec.factory(lr=0.01) for name in BUILT_IN
    },
    **{one.__name__: one for one in (Annealed, Lion, RMSprop, Rprop, Swap)},
    "momentum": lambda: ost.SGD(0.1, momentum=0.9, nesterov=True),
    "decay": lambda: ost.Adam(weight_decay=0.1, decoupled_decay=0.01),
    "groups": lambda: ost.Adam(groups={"1.*": {"lr": 0.1}}),
}
WAYS = {"engine": "step", "NumPy": "step_eagerly"}


def net_and_gradients(dtype="float32"):
    net = ost.Sequential(ost.GRU(2, 3, dtype=dtype), ost.Dense(3, 2, dtype=dtype))
    x = np.ones((4, 3, 2), dtype)
    return net, [net.value_and_grad((1.0 + k) * x, x, loss="mse")[1] for k in range(3)]


def whole(net, optimizer):
    """Parameters and the state of an optimizer, as bytes and numbers."""
    state = optimizer.state_dict()
    slots = {
        (name, slot): one.tobytes() for name, group in state["slots"].items() for slot, one in group.items()
    }
    return net.arena.tobytes(), slots, {key: one for key, one in state.items() if key != "slots"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", MAKES)
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_a_loop_of_ones_own_keeps_its_state_and_goes_on_with_the_same_bits(name, bad, way):
    (net, grads), (twin, _) = net_and_gradients(), net_and_gradients()
    one, other = MAKES[name](), MAKES[name]()
    by_name = name == "groups" or takes_names(one)

    def step(optimizer, where, k):
        if by_name:
            getattr(optimizer, WAYS[way])(where.parameters(), grads[k].params)
        else:
            getattr(optimizer, WAYS[way])(where.arena, grads[k].arena)

    step(one, net, 0)
    step(other, twin, 0)
    before = whole(net, one)
    kept = float(grads[1].params["1.weight"][1, 2])
    grads[1].params["1.weight"][1, 2] = bad
    try:
        step(one, net, 1)
    except ost.NonFiniteError as error:
        assert "so nothing was changed" in str(error) and "its gradient is" in str(error)
    else:  # A sign has a finite step for an infinity; what is written is finite then.
        assert bad == np.inf and np.isfinite(net.arena).all()
        return
    assert whole(net, one) == before
    grads[1].params["1.weight"][1, 2] = kept
    for k in (1, 2):
        step(one, net, k)
        step(other, twin, k)
    assert whole(net, one) == whole(twin, other)


CASES = {
    "a rate": (lambda: ost.SGD(1e38), 1e4, "parameter 'arena' hold -inf at .0., .* which is 1e[+]38"),
    "squares": (lambda: ost.Adam(1e-3), 1e25, "'mean_square' of 'arena' hold inf at .0., .* clip_norm="),
    "float64": (lambda: ost.SGD(1e300), 1e10, "hold -inf"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_update_of_finite_gradients_that_overflows_changes_nothing(name):
    make, size, says = CASES[name]
    net, grads = net_and_gradients("float64" if name == "float64" else "float32")
    optimizer = make()
    given = np.full_like(grads[0].arena, size)
    before = whole(net, optimizer)
    with pytest.raises(ost.NonFiniteError, match=says):
        optimizer.step(net.arena, given)
    assert whole(net, optimizer) == before


def test_the_first_number_is_named_of_parameters_before_slots_of_a_large_arena_and_of_frozen_ones():
    # several chunks of work, on two threads
    params, grads = np.zeros(300_000, np.float32), np.ones(300_000, np.float32)
    grads[[123_456, 222_222]] = 1e30  # squares overflow
    grads[250_000] = np.nan
    optimizer = ost.Adam()
    with pytest.raises(ost.NonFiniteError, match=r"parameter 'arena' hold nan at \[250000\]"):
        optimizer.step(params, grads)
    grads[250_000] = 1.0
    with pytest.raises(ost.NonFiniteError, match=r"'mean_square' of 'arena' hold inf at \[123456\]"):
        optimizer.step(params, grads)
    assert not params.any() and optimizer.steps == 0
    net, (first, *_) = net_and_gradients()
    net.freeze("0.*")
    first.params["1.bias"][1] = np.inf
    place = int(np.flatnonzero(np.isinf(first.arena))[0])
    with pytest.raises(ost.NonFiniteError, match=rf"hold -inf at \[{place}\]"):
        ost.SGD(0.1).step(net.arena, first.arena)


def test_arrays_that_are_not_dense_and_of_two_dtypes_are_changed_all_or_not_at_all():
    store = np.ones((4, 6)), np.ones((3, 4), np.float32)
    params = {"a": store[0][:, ::2], "b": store[1].T}
    grads = {"a": np.ones((4, 3)), "b": np.full((4, 3), 3e38)}
    optimizer = ost.SGD(10.0)
    with pytest.raises(ost.NonFiniteError, match=r"'b' hold -inf at \[0, 0\]"):
        optimizer.step(params, grads)
    assert (store[0] == 1).all() and (store[1] == 1).all() and optimizer.steps == 0
    grads["b"][...] = 1.0
    optimizer.step(params, grads)
    assert (params["a"] == -9).all() and (params["b"] == -9).all() and (store[0][:, 1::2] == 1).all()


class Blind(ost.Optimizer):
    """A step of its own, which checks nothing."""

    def __init__(self, lr: float = 1e38) -> None:
        self.lr = lr
        super().__init__()

    def step(self, params, grads, *, clip_norm=None):
        for name, param in params.items():
            param -= self.lr * grads[name]
        return float(np.sqrt(sum((grad.astype(float) ** 2).sum() for grad in grads.values())))


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
def test_a_trainer_undoes_the_update_of_an_optimizer_with_a_step_of_its_own():
    net, x = ost.Dense(2, 2), np.ones((4, 3, 2), "float32")
    before = net.arena.copy()
    with pytest.raises(ost.NonFiniteError, match="the update made parameter"):
        ost.Trainer(net, loss="mse", optimizer=Blind()).fit(x, 1e4 * x, epochs=1)
    assert np.array_equal(net.arena, before)
