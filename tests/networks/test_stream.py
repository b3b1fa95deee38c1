"""Step by step: the same bits as a whole run, and errors that name the argument."""

import threading

import numpy as np
import pytest

import ostinato as ost

NETWORKS = {
    "lstm": lambda: ost.LSTM(5, 7, num_layers=2),
    "gru": lambda: ost.GRU(5, 7, residual=False, reset="before", dtype="float64"),
    "layers": lambda: ost.Sequential(ost.Dense(5, 6), ost.RNN(6, 6, residual=True), ost.Dense(6, 3)),
    "regularized": lambda: ost.LSTM(5, 7, 2, regularizers=["zoneout", "weight_drop", "dropout"]),
    "ids": lambda: ost.Sequential(ost.Embedding(11, 5), ost.LSTM(5, 7, proj_size=3)),
}


def batch(net, rows, steps):
    rng = np.random.default_rng(0)
    if net.takes_ids:
        return rng.integers(0, 11, (rows, steps))
    return rng.normal(size=(rows, steps, 5)).astype(net.dtype)


@pytest.mark.parametrize("rows", [1, 2, 17])
@pytest.mark.parametrize("name", NETWORKS)
def test_steps_give_the_bits_of_a_whole_run(name, rows):
    net = NETWORKS[name]()
    x = batch(net, rows, 6)
    run, stream = net.run(x), net.stream(rows)
    for t in range(6):
        np.testing.assert_array_equal(stream.step(x[:, t]), run.outputs[:, t])
    for key, value in run.final_state.items():
        np.testing.assert_array_equal(stream.state[key], value)


def test_a_state_can_be_set_and_reset():
    net = ost.LSTM(5, 7)
    x = batch(net, 3, 4)
    first = net.run(x[:, :2])
    stream = net.stream(3)
    stream.state = first.final_state
    np.testing.assert_array_equal(stream.step(x[:, 2]), net.run(x).outputs[:, 2])
    stream.reset()
    np.testing.assert_array_equal(stream.step(x[:, 0]), first.outputs[:, 0])


def test_a_stream_keeps_the_parameters_of_its_beginning():
    net = ost.RNN(5, 7)
    x = batch(net, 1, 1)[:, 0]
    stream, expected = net.stream(), net.stream().step(x)
    net.arena[...] = 0.0
    np.testing.assert_array_equal(stream.step(x), expected)


@pytest.mark.parametrize(
    ("x", "error", "text"),
    [
        (np.zeros((2, 4)), ost.ShapeError, "x is (2, 4)"),
        (np.zeros(5), ost.ShapeError, "x is (5,)"),
        (np.zeros((2, 5), int), ost.DTypeError, "x"),
    ],
)
def test_a_wrong_step_is_named(x, error, text):
    with pytest.raises(error) as caught:
        ost.LSTM(5, 7).stream(2).step(x)
    assert text in str(caught.value)


def test_a_network_that_reads_backwards_cannot_stream():
    with pytest.raises(ost.ConfigError, match="bidirectional"):
        ost.LSTM(5, 7, bidirectional=True).stream()


def test_an_id_out_of_range_leaves_the_state_as_it_was():
    net = NETWORKS["ids"]()
    stream = net.stream()
    with pytest.raises(ost.ConfigError, match=r"x\[0\] is 11"):
        stream.step(np.array([11]))
    assert not any(value.any() for value in stream.state.values())


def test_two_threads_on_one_stream_never_mix_their_steps():
    net = ost.LSTM(64, 64)
    stream, x = net.stream(8), np.ones((8, 64), np.float32)
    refused = []

    def work():
        for _ in range(200):
            try:
                stream.step(x)
            except ost.ConcurrentUseError as error:
                refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    taken = 400 - len(refused)
    expected = net.run(np.ones((8, taken, 64), np.float32)).final_state["h"]
    np.testing.assert_array_equal(stream.state["h"], expected)
