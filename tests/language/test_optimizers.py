"""Optimizers against steps computed by hand, and clipping."""

import math

import numpy as np
import pytest

from ostinato.discover import leaves
from ostinato.errors import ConfigError, DTypeError, NonFiniteError, ShapeError
from ostinato.optimizers import SGD, Adam, Optimizer, clip_norm
from ostinato.plugins.registry import registry

GRADS = [[0.5, -2.0], [1.0, 0.25], [-0.125, 3.0]]


def sgd(lr, momentum=0.0, nesterov=False, decay=0.0):
    """Follow one number through three steps, as in the documentation of torch.optim.SGD."""

    def follow(theta, grads):
        b = None
        for g in grads:
            g = g + decay * theta
            b = g if b is None else momentum * b + g
            theta = theta - lr * (g + momentum * b if nesterov else b)
        return theta

    return follow


def adam(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.0):
    """Follow one number, as in algorithm 1 of the paper: with corrected moments written out."""

    def follow(theta, grads):
        m = v = 0.0
        for t, g in enumerate(grads, 1):
            g = g + decay * theta
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            theta = theta - lr * (m / (1 - beta1**t)) / (math.sqrt(v / (1 - beta2**t)) + eps)
        return theta

    return follow


def rmsprop(lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.0, centered=False):
    """Follow one number, as in the documentation of torch.optim.RMSprop."""

    def follow(theta, grads):
        v = mean = b = 0.0
        for g in grads:
            v = alpha * v + (1 - alpha) * g * g
            spread = v
            if centered:
                mean = alpha * mean + (1 - alpha) * g
                spread = v - mean * mean
            b = momentum * b + g / (math.sqrt(spread) + eps)
            theta = theta - lr * b
        return theta

    return follow


def adagrad(lr=1e-2, lr_decay=0.0, eps=1e-10, decay=0.0):
    """Follow one number, as in the documentation of torch.optim.Adagrad."""

    def follow(theta, grads):
        total = 0.0
        for t, g in enumerate(grads, 1):
            g = g + decay * theta
            total += g * g
            theta = theta - lr / (1 + (t - 1) * lr_decay) * g / (math.sqrt(total) + eps)
        return theta

    return follow


def adamw(lr=1e-3, decay=1e-2):
    """Follow one number, as in the documentation of torch.optim.AdamW."""

    def follow(theta, grads):
        m = v = 0.0
        for t, g in enumerate(grads, 1):
            theta = theta - lr * decay * theta
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g * g
            theta = theta - lr * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        return theta

    return follow


CASES = [
    ("sgd", {"lr": 0.1}, sgd(0.1)),
    ("sgd", {"lr": 0.1, "momentum": 0.9}, sgd(0.1, 0.9)),
    ("sgd", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, sgd(0.1, 0.9, True)),
    ("sgd", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.2}, sgd(0.1, 0.5, False, 0.2)),
    ("adam", {}, adam()),
    ("adam", {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1}, adam(0.1, 0.5, 0.75, 0.1)),
    ("adam", {"lr": 0.1, "weight_decay": 0.3}, adam(0.1, decay=0.3)),
    ("adamw", {}, adamw()),
    ("adamw", {"lr": 0.1, "weight_decay": 0.3}, adamw(0.1, 0.3)),
    ("rmsprop", {}, rmsprop()),
    ("rmsprop", {"lr": 0.1, "alpha": 0.5, "eps": 0.1, "momentum": 0.9}, rmsprop(0.1, 0.5, 0.1, 0.9)),
    ("rmsprop", {"alpha": 0.5, "centered": True}, rmsprop(alpha=0.5, centered=True)),
    ("adagrad", {}, adagrad()),
    ("adagrad", {"lr": 0.1, "lr_decay": 0.5, "eps": 0.1}, adagrad(0.1, 0.5, 0.1)),
    ("adagrad", {"weight_decay": 0.3}, adagrad(decay=0.3)),
]
IDS = [f"{i}_{case[0]}" for i, case in enumerate(CASES)]


def made(name, options):
    return registry.make("optimizer", name, Optimizer, options)


@pytest.mark.parametrize(("name", "options", "follow"), CASES, ids=IDS)
def test_three_steps_equal_the_steps_by_hand(name, options, follow):
    optimizer, params = made(name, options), {"w": np.array([1.0, -0.5])}
    for grad in GRADS:
        optimizer.step(params, {"w": np.array(grad)})
    expected = [follow(theta, [g[i] for g in GRADS]) for i, theta in enumerate([1.0, -0.5])]
    np.testing.assert_allclose(params["w"], expected, rtol=1e-14)


@pytest.mark.parametrize(("name", "options", "follow"), CASES, ids=IDS)
def test_an_arena_takes_the_same_steps_as_its_parts(name, options, follow):
    arena, parts = np.arange(6.0), {"a": np.arange(4.0).reshape(2, 2), "b": np.arange(4.0, 6.0)}
    whole, apart = (
        made(name, options),
        made(name, options),
    )
    for seed in range(3):
        grad = np.random.default_rng(seed).normal(size=6)
        whole.step(arena, grad)
        apart.step(parts, {"a": grad[:4].reshape(2, 2), "b": grad[4:]})
    np.testing.assert_array_equal(arena, np.concatenate([parts["a"].ravel(), parts["b"]]))


@pytest.mark.parametrize(("name", "options", "follow"), CASES, ids=IDS)
def test_a_restored_optimizer_goes_on_with_the_same_bits(name, options, follow):
    one, other = np.array([1.0, -0.5]), np.array([1.0, -0.5])
    first, second = (
        made(name, options),
        made(name, options),
    )
    for grad in GRADS:
        first.step(one, np.array(grad))
    second.step(other, np.array(GRADS[0]))
    fresh = made(name, {"lr": 5.0})
    fresh.load_state_dict(second.state_dict())
    for grad in GRADS[1:]:
        fresh.step(other, np.array(grad))
    np.testing.assert_array_equal(one, other)
    assert fresh.steps == 3


@pytest.mark.parametrize(("name", "options", "follow"), CASES, ids=IDS)
def test_float32_stays_float32_in_place_and_in_the_slots(name, options, follow):
    param = np.array([1.0, -0.5], np.float32)
    view = param[:]
    optimizer = made(name, options)
    optimizer.step({"w": param}, {"w": np.array(GRADS[0])})
    assert view[0] != 1.0
    slots = optimizer.state_dict()["slots"]["w"]
    assert set(slots) == set(type(optimizer).slots)
    assert all(one.dtype == np.float32 for one in slots.values())


def test_every_built_in_optimizer_is_tested_here():
    assert {case[0] for case in CASES} == set(leaves("ostinato.optimizers", Optimizer))


def test_the_learning_rate_may_change_between_steps():
    optimizer, param = SGD(0.5), np.array([1.0])
    optimizer.step(param, np.array([1.0]))
    optimizer.lr = 0.25
    optimizer.step(param, np.array([1.0]))
    assert param == 0.25
    assert optimizer.state_dict()["options"]["lr"] == 0.25


def test_a_state_dict_is_a_copy():
    optimizer = SGD(0.5, momentum=0.5)
    optimizer.step(np.ones(2), np.ones(2))
    optimizer.state_dict()["slots"]["arena"]["velocity"][:] = 7
    assert optimizer.state_dict()["slots"]["arena"]["velocity"][0] == 1


NAN = float("nan")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: SGD(NAN), "optimizer 'sgd': lr is nan; expected a finite number"),
        (lambda: SGD(-0.1), "lr is -0.1; expected at least 0"),
        (lambda: SGD("0.1"), "lr is '0.1'; expected a number"),
        (lambda: SGD(True), "lr is True; expected a number"),
        (lambda: SGD(0.1, momentum=float("inf")), "momentum is inf"),
        (lambda: SGD(0.1, momentm=0.9), "no option 'momentm'; did you mean 'momentum'"),
        (lambda: SGD(0.1, nesterov=True), "nesterov needs momentum"),
        (lambda: SGD(0.1, weight_decay=-1), "weight_decay is -1"),
        (lambda: Adam(betas=(0.9, 1.0)), r"betas\[1\] is 1.0; expected less than 1"),
        (lambda: Adam(betas=0.9), "betas is 0.9; expected two numbers"),
        (lambda: Adam(eps=NAN), "eps is nan"),
        (lambda: Adam().load_state_dict({"steps": 1}), "the state has no options, slots"),
        (lambda: Adam().load_state_dict(SGD(0.1).state_dict()), "no option 'momentum'"),
        (lambda: clip_norm({}, 0.0), "max_norm is 0.0; expected more than 0"),
        (lambda: clip_norm({}, NAN), "max_norm is nan"),
    ],
)
def test_a_wrong_hyper_parameter_is_named(call, words):
    with pytest.raises(ConfigError, match=words):
        call()


@pytest.mark.parametrize(
    ("params", "grads", "error", "words"),
    [
        ({"w": np.ones(2)}, {"v": np.ones(2)}, ShapeError, "grads has 'v', which params does not have"),
        ({"w": np.ones(2)}, {}, ShapeError, "grads has no 'w'"),
        (
            {"w": np.ones(2)},
            {"w": np.ones(3)},
            ShapeError,
            r"gradient of 'w' has shape \(3,\); expected \(2,\)",
        ),
        (
            {"w": np.ones(2, int)},
            {"w": np.ones(2)},
            DTypeError,
            "'w' is int64; expected an array of float32 or float64",
        ),
        ({"w": [1.0]}, {"w": np.ones(1)}, DTypeError, "'w' is list"),
    ],
)
def test_wrong_arrays_are_named_before_anything_changes(params, grads, error, words):
    params = {"first": np.ones(2), **params}
    with pytest.raises(error, match=words):
        SGD(0.1).step(params, {"first": np.ones(2), **grads})
    np.testing.assert_array_equal(params["first"], [1, 1])


def test_a_read_only_parameter_and_a_network_of_another_size_are_refused():
    fixed = np.ones(2)
    fixed.setflags(write=False)
    with pytest.raises(ConfigError, match="'w' is read-only"):
        SGD(0.1).step({"w": fixed}, {"w": np.ones(2)})
    optimizer = Adam()
    optimizer.step(np.ones(2), np.ones(2))
    with pytest.raises(ShapeError, match="use a new optimizer"):
        optimizer.step(np.ones(3), np.ones(3))


def test_clipping_scales_all_arrays_together_and_returns_the_norm_before():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]], np.float32)}
    assert clip_norm(grads, 2.5) == 5.0
    scale = 2.5 / (5.0 + 1e-6)
    np.testing.assert_allclose(grads["a"], [3 * scale, 0], rtol=1e-15)
    np.testing.assert_allclose(grads["b"], [[4 * scale]], rtol=1e-7)
    assert grads["b"].dtype == np.float32


def test_gradients_below_the_limit_keep_their_bits():
    arena = np.array([0.3, 0.4])
    assert clip_norm(arena, 1.0) == pytest.approx(0.5, rel=1e-15)
    np.testing.assert_array_equal(arena, [0.3, 0.4])


def test_the_norm_of_float32_is_summed_in_float64():
    assert clip_norm(np.full(4, 1e30, np.float32), 1e38) == pytest.approx(2e30, rel=1e-6)
    assert clip_norm({}, 1.0) == 0.0


@pytest.mark.parametrize("bad", [NAN, float("inf"), -float("inf")])
def test_a_norm_that_is_not_finite_names_the_array_and_changes_nothing(bad):
    grads = {"good": np.array([3.0]), "bad": np.array([1.0, bad])}
    with pytest.raises(NonFiniteError, match="because of bad; lower the learning rate"):
        clip_norm(grads, 1.0)
    assert grads["good"] == 3.0
