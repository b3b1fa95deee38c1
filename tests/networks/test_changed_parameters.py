"""A call reads the parameters of now, whatever a call before it left behind."""

import numpy as np
import pytest

import ostinato as ost

X = np.random.default_rng(0).standard_normal((3, 5, 4)).astype(np.float32)


def fresh(net):
    """What a network that was never called makes of the same parameters."""
    other = ost.GRU(4, 6, seed=1)
    other.load_state_dict(net.state_dict())
    return other.run(X).outputs


def first(net):
    next(iter(net.parameters().values()))[0, 0] += 0.5


def last(net):
    net.arena[-1] -= 0.5


def through_a_view_of_a_view(net):
    view = net.parameters()["weight_hh_l0"].reshape(-1)[3:5]
    view[1] = -view[1]


def sign_of_zero(net):
    net.parameters()["bias_ih_l0"][...] = 0.0
    net.run(X)
    net.parameters()["bias_ih_l0"][...] = -0.0


def training(net):
    _, gradients = net.value_and_grad(X, np.zeros((3, 5, 6), np.float32), loss="mse")
    ost.SGD(lr=0.5).step(net.arena, gradients.arena)


@pytest.mark.parametrize("change", [first, last, through_a_view_of_a_view, sign_of_zero, training])
def test_a_changed_parameter_is_read(change):
    net = ost.GRU(4, 6)
    before = net.run(X).outputs
    assert np.array_equal(net.run(X).outputs, before)
    change(net)
    after = net.run(X).outputs
    assert np.array_equal(after, fresh(net))
    assert change is sign_of_zero or not np.array_equal(after, before)


def test_a_call_for_training_leaves_no_weights_for_the_next_one():
    net = ost.GRU(4, 6)
    before = net.run(X).outputs
    net.value_and_grad(X, np.zeros((3, 5, 6), np.float32), loss="mse")
    assert np.array_equal(net.run(X).outputs, before)


def test_decoding_reads_changed_parameters():
    def made(seed):
        words, source = ost.Input("words", ids=5, axis="target"), ost.Input("source", size=4, axis="source")
        decoder = ost.Decoder("gru", 4, 6, 4)
        return ost.Graph(ost.Dense(6, 5)(decoder(ost.Embedding(5, 4)(words), source=source)), seed=seed)

    def log_probs(net):
        return net.decode({"source": X}, begin=0, end=None, max_length=6, beam=2).log_probs

    net, other = made(0), made(1)
    before = log_probs(net)
    assert np.array_equal(log_probs(net), before)
    for name in ("attend_weight_k", "weight_hh_l0"):  # of what runs once, and of the steps
        (view,) = (value for key, value in net.parameters().items() if key.endswith(name))
        view[0, 0] += 1.0
        other.load_state_dict(net.state_dict())
        after = log_probs(net)
        assert np.array_equal(after, log_probs(other)) and not np.array_equal(after, before)
        before = after
