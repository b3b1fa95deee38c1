"""The flow back through time equals the whole backward pass, and what theory says of linear networks."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.analysis import gradient_flow
from ostinato.analysis.verdict import judge


def orthogonal_rnn(factor, size=8):
    """h' = factor * Q h + x, Q orthogonal."""
    rng = np.random.default_rng(2)
    q = np.linalg.qr(rng.standard_normal((size, size)))[0]
    net = ost.RNN(size, size, nonlinearity="identity", bias=False, dtype="float64")
    net.load_state_dict({"weight_ih_l0": np.eye(size), "weight_hh_l0": factor * q})
    return net


def last_step(rows, steps, width):
    d = np.zeros((rows, steps, width))
    d[:, -1, 0] = 1.0
    return d


def test_orthogonal_weights_times_0_9_show_0_9_to_the_t():
    x = np.random.default_rng(3).standard_normal((2, 60, 8))
    flow = gradient_flow(orthogonal_rnn(0.9), x, d_outputs=last_step(2, 60, 8))
    back = 60 - np.arange(60)
    np.testing.assert_allclose(flow.norms, np.tile(0.9**back, (2, 1)), rtol=1e-9)
    assert flow.verdict.word == "steady" and "2e-3 after 59 steps" in flow.verdict.text


@pytest.mark.parametrize(
    "factor, word, ratio", [(0.6, "vanishing", "1e-9"), (1.0, "steady", "1"), (1.5, "exploding", "1e7")]
)
def test_the_verdict_says_it_in_words_with_remedies(factor, word, ratio):
    flow = gradient_flow(orthogonal_rnn(factor), np.ones((1, 41, 8)), d_outputs=last_step(1, 41, 8))
    assert flow.verdict.text == f"{word}: {ratio} after 40 steps"
    assert bool(flow.verdict.remedies) == (word != "steady")
    assert all(f"- {remedy}" in str(flow.verdict) for remedy in flow.verdict.remedies)


def test_the_loss_at_each_step_is_in_the_verdict():
    flow = gradient_flow(orthogonal_rnn(0.5), np.ones((1, 41, 8)), d_outputs=np.ones((1, 41, 8)))
    assert flow.verdict.word == "steady" and "each step has its own loss" in flow.verdict.text


def test_no_gradient_and_too_much_of_it_have_a_verdict_too():
    assert judge(np.zeros(5), True).word == "unknown"
    assert judge(np.array([np.inf, 1.0]), True).word == "exploding"


MAKES = {
    "lstm stack": lambda: ost.LSTM(3, 4, 2, dtype="float64"),
    "head": lambda: ost.Sequential(ost.GRU(3, 5, dtype="float64"), ost.Dense(5, 4, dtype="float64")),
    "ids": lambda: ost.Sequential(ost.Embedding(6, 3, dtype="float64"), ost.RNN(3, 4, dtype="float64")),
}


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
@pytest.mark.parametrize("name", MAKES)
def test_flow_and_weights_are_those_of_value_and_grad(name, loss):
    net = MAKES[name]()
    rng = np.random.default_rng(5)
    x = rng.integers(0, 6, (3, 12)) if net.takes_ids else rng.standard_normal((3, 12, 3))
    targets = rng.standard_normal((3, 12, 4)) if loss == "mse" else rng.integers(0, 4, (3, 12))
    weights = rng.uniform(0.5, 1.5, (3, 12))
    state = {key: rng.standard_normal((shape[0], 3, *shape[1:])) for key, shape in net.state_shapes.items()}
    flow = gradient_flow(net, x, targets, loss=loss, weights=weights, state=state)
    _, grads = net.value_and_grad(x, targets, loss=loss, weights=weights, state=state)
    for key, grad in grads.params.items():
        assert flow.weights[key] == pytest.approx(np.linalg.norm(grad), rel=1e-9), key
        assert flow.weights_by_step[key].shape == (12,)
    first = np.sqrt(sum(np.sum(one**2, axis=(0, 2)) for one in grads.initial_state.values()))
    np.testing.assert_allclose(flow.norms[:, 0], first, rtol=1e-9)
    squares = sum(values**2 for values in flow.states.values())
    np.testing.assert_allclose(np.sqrt(squares), flow.norms, rtol=1e-12)


def test_a_step_of_the_flow_is_the_initial_gradient_of_the_tail():
    net = ost.LSTM(3, 4, dtype="float64", seed=3)
    rng = np.random.default_rng(6)
    x, d = rng.standard_normal((2, 10, 3)), rng.standard_normal((2, 10, 4))
    flow = gradient_flow(net, x, d_outputs=d)
    for t in (1, 4, 9):
        middle = net.run(x[:, :t]).final_state
        tail = net.run(x[:, t:], state=middle, training=True).backward(d[:, t:])
        for name in "hc":
            expected = np.linalg.norm(tail.initial_state[name][0], axis=1)
            np.testing.assert_allclose(flow.states[name][:, t], expected, rtol=1e-10)


@pytest.mark.parametrize(
    "given, message",
    [
        ({}, "either targets"),
        ({"targets": np.ones((1, 4, 4)), "d_outputs": np.ones((1, 4, 4))}, "either targets"),
        ({"targets": np.ones((1, 4, 4))}, "loss is None"),
        ({"d_outputs": np.ones((1, 4, 4)), "loss": "mse"}, "require targets"),
        ({"d_outputs": np.ones((1, 3, 4))}, "d_outputs is"),
        ({"targets": np.ones((1, 3, 4)), "loss": "mse"}, "targets is"),
    ],
)
def test_bad_arguments_are_named(given, message):
    with pytest.raises((ost.ConfigError, ost.ShapeError), match=message):
        gradient_flow(ost.GRU(3, 4), np.ones((1, 4, 3)), **given)
