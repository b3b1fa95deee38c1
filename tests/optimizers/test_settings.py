"""Options that change between steps, and options by groups of parameters."""

import copy

import numpy as np
import pytest

import ostinato as ost
from ostinato import SGD, Adam, ConfigError
from tests.optimizers.outside import Annealed


@pytest.mark.parametrize(
    ("make", "name", "value", "words"),
    [
        (Adam, "lr", float("nan"), "optimizer 'adam': lr is nan; expected a finite number"),
        (Adam, "lr", -1.0, "lr is -1.0; expected at least 0"),
        (Adam, "lr", "fast", "lr is 'fast'; expected a number"),
        (Adam, "lr", [{"params": [], "lr": 0.1}], "lr is a list; expected a number. .*groups="),
        (lambda: SGD(0.1), "lr", {"weight": np.zeros(2)}, "lr is a dict; expected a number. .*step"),
        (Adam, "betas", (0.9, 1.0), r"betas\[1\] is 1.0"),
        (Adam, "groups", {"w": {"lr": -1.0}}, r"lr is -1.0; expected at least 0 \(group 'w'\)"),
        (lambda: SGD(0.1, momentum=0.9, nesterov=True), "momentum", 0.0, "nesterov needs momentum above 0"),
    ],
)
def test_an_option_that_is_set_later_is_checked_as_at_first(make, name, value, words):
    optimizer = make()
    before = getattr(optimizer, name)
    with pytest.raises(ConfigError, match=words):
        setattr(optimizer, name, value)
    assert getattr(optimizer, name) == before


def test_an_option_that_is_set_later_counts_from_the_next_step_on():
    optimizer, by_hand = SGD(0.5), np.array([2.0])
    param, grad = by_hand.copy(), np.ones(1)
    optimizer.step(param, grad)
    optimizer.lr, optimizer.weight_decay, optimizer.momentum = 0.25, 0.1, 0.5
    by_hand -= 0.5
    velocity = 0.0
    for _ in range(2):
        optimizer.step(param, grad)
        velocity = 0.5 * velocity + (1 + 0.1 * by_hand)
        by_hand -= 0.25 * velocity
    np.testing.assert_allclose(param, by_hand, rtol=1e-15)
    assert optimizer.state_dict()["options"]["weight_decay"] == 0.1


def test_a_scalar_of_an_optimizer_from_outside_may_change_at_each_step():
    optimizer, param = Annealed(), np.zeros(1)
    engine = optimizer._engine
    for step in range(3):
        optimizer.momentum = 0.1 * step
        optimizer.step(param, np.ones(1))
    assert optimizer._engine is engine  # nothing was traced again


def test_the_reference_recurrent_decay_falls_on_its_group_alone():
    net, decay, lr = ost.LSTM(3, 4), 0.01, 0.1
    params = net.parameters()
    before = {name: one.copy() for name, one in params.items()}
    grads = {name: np.full_like(one, 0.5) for name, one in params.items()}
    SGD(lr, groups={"weight_hh_*": {"decoupled_decay": decay}}).step(params, grads)
    for name, one in params.items():
        kept = 1 - decay if name.startswith("weight_hh") else 1
        # W_hh <- (1 - lambda) W_hh - lr * grad, in float32
        np.testing.assert_allclose(one, kept * before[name] - lr * 0.5, rtol=1e-6, atol=1e-7)


def test_groups_take_the_steps_of_optimizers_of_their_own():
    rng = np.random.default_rng(0)
    start = {name: rng.normal(size=5) for name in ("a.w", "a.b", "c")}
    grads = [{name: rng.normal(size=5) for name in start} for _ in range(3)]
    whole = {name: one.copy() for name, one in start.items()}
    grouped = Adam(0.1, weight_decay=0.5, groups={"a.*": {"weight_decay": 0.0}, "c": {"betas": (0.5, 0.5)}})
    for grad in grads:
        grouped.step(whole, grad)
    for names, plain in [
        (("a.w", "a.b"), Adam(0.1)),
        (("c",), Adam(0.1, weight_decay=0.5, betas=(0.5, 0.5))),
    ]:
        apart = {name: start[name].copy() for name in names}
        for grad in grads:
            plain.step(apart, {name: grad[name] for name in names})
        for name in names:
            np.testing.assert_array_equal(whole[name], apart[name])


def test_what_a_group_does_not_set_follows_the_optimizer():
    optimizer = SGD(0.1, weight_decay=0.5, groups={"b": {"momentum": 0.9}})
    optimizer.lr, optimizer.weight_decay, optimizer.momentum = 1.0, 0.0, 0.0
    params = {"a": np.ones(1), "b": np.ones(1)}
    for _ in range(2):
        optimizer.step(params, {"a": np.ones(1), "b": np.ones(1)})
    assert params["a"][0] == -1.0
    assert params["b"][0] == pytest.approx(1 - 1 - 1.9, rel=1e-15)


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (["w"], "groups is"),
        ({3: {}}, "group 3; expected a parameter's name"),
        ({"w": 0.1}, "group 'w' is 0.1; expected"),
        ({"w": {"weight_decya": 0.1}}, "group 'w' sets 'weight_decya'; did you mean 'weight_decay'"),
        ({"w": {"weight_decay": -0.1}}, r"weight_decay is -0.1; expected at least 0 \(group 'w'\)"),
        ({"w": {"groups": {}}}, "group 'w' sets 'groups'"),
    ],
)
def test_groups_that_make_no_sense_are_named(groups, words):
    with pytest.raises(ConfigError, match=words):
        SGD(0.1, groups=groups)


@pytest.mark.parametrize(
    ("groups", "params", "words"),
    [
        ({"weight_hx_*": {}}, {"weight_hh_l0": np.ones(1)}, "group 'weight_hx_\\*' matches no parameter"),
        (
            {"w*": {}, "*1": {}},
            {"w1": np.ones(1), "w2": np.ones(1), "b1": np.ones(1)},
            "'w1' is in the groups",
        ),
        ({"w": {}}, np.ones(1), r"step with net.parameters\(\) and grads.params"),
    ],
)
def test_groups_that_fit_no_parameter_are_named(groups, params, words):
    grads = {name: np.ones(1) for name in params} if isinstance(params, dict) else np.ones(1)
    with pytest.raises(ConfigError, match=words):
        SGD(0.1, groups=groups).step(params, grads)


def test_the_rate_of_a_group_follows_that_of_the_optimizer_in_proportion():
    start, rng = {"a": np.ones(3), "b": np.ones(3)}, np.random.default_rng(0)
    grouped, whole = Adam(0.1, groups={"b": {"lr": 0.02}}), {k: v.copy() for k, v in start.items()}
    plain, slow = (Adam(0.1), {"a": start["a"].copy()}), (Adam(0.02), {"b": start["b"].copy()})
    for rate in (1.0, 0.5, 0.25, 0.0, 2.0):
        grads = {name: rng.normal(size=3) for name in start}
        # Rates are powers of two times the first, so that a product and a quotient have the same bits.
        grouped.lr, plain[0].lr, slow[0].lr = 0.1 * rate, 0.1 * rate, 0.02 * rate
        grouped.step(whole, grads)
        for optimizer, params in (plain, slow):
            optimizer.step(params, {name: grads[name] for name in params})
        again = Adam(0.1, groups={"b": {"lr": 0.02}})
        again.load_state_dict(grouped.state_dict())
        grouped = again
    for _, params in (plain, slow):
        for name, one in params.items():
            assert one.tobytes() == whole[name].tobytes()


def test_a_rate_of_a_group_in_proportion_to_nothing_is_an_error():
    optimizer, params = SGD(0.0, groups={"b": {"lr": 0.1}}), {"a": np.ones(2), "b": np.ones(2)}
    with pytest.raises(ConfigError, match=r"group 'b' sets lr, which changes in proportion.*began as 0"):
        optimizer.step(params, params)
    assert optimizer.steps == 0 and (params["a"] == 1).all()


def test_groups_come_back_with_the_state():
    make = lambda: SGD(0.1, momentum=0.5, groups={"b": {"weight_decay": 0.5}})  # noqa: E731
    one, other = ({"a": np.ones(2), "b": np.ones(2)} for _ in range(2))
    grads = {"a": np.ones(2), "b": np.ones(2)}
    first, second = make(), make()
    first.step(one, grads), first.step(one, grads)
    second.step(other, grads)
    fresh = SGD(9.0)
    fresh.load_state_dict(second.state_dict())
    fresh.step(other, grads)
    copied = copy.deepcopy(fresh)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])
    first.step(one, grads), copied.step(other, grads)
    np.testing.assert_array_equal(one["b"], other["b"])
