"""No optimizer changes a frozen parameter by one bit, nor its slots; the others take the same steps."""

import numpy as np
import pytest

import ostinato as ost
from tests.optimizers import outside

OPTIMIZERS = {
    "sgd": lambda: ost.SGD(0.1, weight_decay=0.1),
    "sgd, decoupled": lambda: ost.SGD(0.1, decoupled_decay=0.1),
    "momentum": lambda: ost.SGD(0.1, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda: ost.SGD(0.1, momentum=0.9, nesterov=True),
    "adam": lambda: ost.Adam(0.01, weight_decay=0.1),
    "adamw": lambda: ost.Adam(0.01, decoupled_decay=0.1),
    "rmsprop": outside.RMSprop,
    "lion": outside.Lion,
    "swap": outside.Swap,
    "rprop": outside.Rprop,
    "annealed": outside.Annealed,
}


def network():
    kind = {"dtype": "float64"}
    return ost.Sequential(ost.GRU(3, 5, **kind), ost.Dense(5, 7, **kind), ost.Dense(7, 2, **kind))


def gradients(net, rng):
    x, targets = rng.normal(size=(4, 6, 3)), 5 * rng.normal(size=(4, 6, 2))
    return net.value_and_grad(x, targets, loss="mse", input_gradient=False)[1]


def by_arena(optimizer, net, grads, clip):
    return optimizer.step(net.arena, grads.arena, clip_norm=clip)


def by_name(optimizer, net, grads, clip):
    return optimizer.step(net.parameters(), grads.params, clip_norm=clip)


def with_plain_parameters(optimizer, net, grads, clip):
    return optimizer.step(np.asarray(net.arena), grads.arena, clip_norm=clip)


def with_plain_gradients(optimizer, net, grads, clip):
    full = np.asarray(grads.arena).copy()
    for start, stop in net.arena.frozen:
        full[start:stop] = 7.0
    return optimizer.step(net.arena, full, clip_norm=clip)


def eagerly(optimizer, net, grads, clip):
    return optimizer.step_eagerly(net.arena, grads.arena, clip_norm=clip)


def accumulated(optimizer, net, grads, clip):
    return optimizer.step(np.asarray(net.arena), (grads.arena + grads.arena) / 2, clip_norm=clip)


STEPS = [by_arena, by_name, with_plain_parameters, with_plain_gradients, eagerly, accumulated]


def kept(optimizer, net, take):
    """What the optimizer keeps, as one array per slot and parameter."""
    slots = optimizer.state_dict()["slots"]
    if take is by_name:
        return {name: dict(group) for name, group in slots.items()}
    found = {}
    for name, one in net._graph.parameters.items():
        place = slice(one.offset, one.offset + one.size)
        found[name] = {slot: array[place].reshape(one.shape) for slot, array in slots["arena"].items()}
    return found


@pytest.mark.parametrize("take", STEPS)
@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_frozen_parameters_keep_their_bits_and_the_others_move_as_alone(name, clip, take):
    rng, optimizer, net = np.random.default_rng(0), OPTIMIZERS[name](), network()
    for _ in range(3):
        take_first = by_name if take is by_name else by_arena
        take_first(optimizer, net, gradients(net, rng), clip)
    net.freeze("0.weight_hh*", "1.*")
    frozen = net.frozen
    alone = OPTIMIZERS[name]()
    before, slots = net.state_dict(), kept(optimizer, net, take)
    own = {key: value.copy() for key, value in before.items() if key not in frozen}
    alone.load_state_dict(
        {
            **optimizer.state_dict(),
            "slots": {key: slots[key] for key in own} if optimizer.slots else {},
        }
    )
    for _ in range(3):
        grads = gradients(net, rng)
        norm = take(optimizer, net, grads, clip)
        expected = alone.step(own, dict(grads.params), clip_norm=clip)
        if clip is not None:
            # Squares are added array by array, and parts of an arena are other arrays than parameters.
            np.testing.assert_allclose(norm, expected, rtol=1e-14)
    after, later = net.state_dict(), kept(optimizer, net, take)
    for key in before:
        if key in frozen:
            assert after[key].tobytes() == before[key].tobytes(), key
            for slot in optimizer.slots:
                assert later[key][slot].tobytes() == slots[key][slot].tobytes(), (key, slot)
        else:
            assert (after[key] != before[key]).any(), key
            np.testing.assert_allclose(after[key], own[key], rtol=1e-12, atol=1e-14, err_msg=key)
    net.unfreeze()
    take_first(optimizer, net, gradients(net, rng), clip)
    assert all((net.state_dict()[key] != before[key]).any() for key in frozen)


def test_all_frozen_takes_a_step_of_nothing():
    net, optimizer = network(), ost.Adam(0.1, weight_decay=0.5)
    rng = np.random.default_rng(0)
    optimizer.step(net.arena, gradients(net, rng).arena)
    net.freeze()
    before = net.arena.tobytes()
    assert optimizer.step(net.arena, gradients(net, rng).arena, clip_norm=1.0) == 0.0
    assert optimizer.step(net.parameters(), gradients(net, rng).params, clip_norm=1.0) == 0.0
    assert net.arena.tobytes() == before and optimizer.steps == 3


def test_a_group_may_be_frozen_as_a_whole():
    net = network()
    optimizer = ost.SGD(0.1, groups={"0.*": {"decoupled_decay": 0.5}, "2.*": {"momentum": 0.9}})
    net.freeze("0.*", "1.*")
    before, rng = net.state_dict(), np.random.default_rng(0)
    optimizer.step(net.parameters(), gradients(net, rng).params)
    assert all((net.state_dict()[name] == before[name]).all() == (name in net.frozen) for name in before)
    net.unfreeze("0.*")
    optimizer.step(net.parameters(), gradients(net, rng).params)
    assert (net.state_dict()["0.weight_hh_l0"] != before["0.weight_hh_l0"]).any()


def test_what_freezing_between_gradient_and_step_means():
    net, rng = network(), np.random.default_rng(0)
    grads, before = gradients(net, rng), net.state_dict()
    net.freeze("0.*")  # the gradients have it, the network does not train it
    ost.SGD(0.1).step(net.arena, grads.arena)
    ost.SGD(0.1).step(net.parameters(), grads.params)
    assert all((net.state_dict()[name] == before[name]).all() for name in net.frozen)
    grads = gradients(net, rng)
    net.unfreeze()  # there is no gradient, so there is no step
    ost.SGD(0.1, weight_decay=0.5).step(net.arena, grads.arena)
    assert all((net.state_dict()[f"0.{name}"] == before[f"0.{name}"]).all() for name in net[0].parameters())
    with pytest.raises(ost.ShapeError, match=r"grads has no '0.weight_ih_l0'.*net.parameters\(\) itself"):
        ost.SGD(0.1).step(dict(net.parameters()), grads.params)


def test_gradients_that_are_not_finite_are_named():
    net, rng = network(), np.random.default_rng(0)
    net.freeze("0.*")
    grads = gradients(net, rng)
    grads.params["2.bias"][0] = np.nan
    with pytest.raises(ost.NonFiniteError, match=r"2\.bias"):
        ost.SGD(0.1).step(net.parameters(), grads.params, clip_norm=1.0)
    with pytest.raises(ost.NonFiniteError, match="arena"):
        ost.SGD(0.1).step(net.arena, grads.arena, clip_norm=1.0)


def test_an_arena_forgets_what_is_frozen_with_its_shape():
    net = network()
    assert net.arena.frozen == ()
    net.freeze("1.bias")
    arena = net.arena
    ((start, stop),) = arena.frozen
    assert arena[start:stop].tobytes() == net.parameters()["1.bias"].tobytes()
    for same in (arena + 1, arena.copy(), 2 * arena):
        assert (same.frozen, same.padding) == (arena.frozen, arena.padding)
    for part in (arena[1:], arena.reshape(1, -1), arena[:0]):
        assert part.frozen == part.padding == ()
    arena[...] = 3.0
    assert (net.parameters()["0.weight_hh_l0"] == 3.0).all()
