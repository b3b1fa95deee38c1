"""Steps into an array of the caller's, and parameters that change under a stream."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.errors import ConfigError, DTypeError, ShapeError

NETS = {
    "lstm": lambda: ost.LSTM(3, 5),
    "gru_before": lambda: ost.GRU(3, 5, reset="before"),
    "stack": lambda: ost.Recurrent("lstm", 3, 5, num_layers=3, residual=True),
    "head": lambda: ost.Sequential(ost.LSTM(3, 5), ost.Dense(5, 2), ost.GRU(2, 4)),
    "linear": lambda: ost.Recurrent("min_gru", 3, 5, dtype="float64"),
}


def rows_of(net, batch, steps=6):
    return np.random.default_rng(0).normal(size=(batch, steps, 3)).astype(net.dtype)


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_steps_into_one_array_are_the_bits_of_a_run(make, batch):
    net = make()
    x = rows_of(net, batch)
    run, stream = net.run(x), net.stream(batch)
    out = np.full((batch, net.output_size), np.nan, net.dtype)
    for t in range(x.shape[1]):
        assert stream.step(np.ascontiguousarray(x[:, t]), out=out) is out
        np.testing.assert_array_equal(out, run.outputs[:, t])
    for name, state in stream.state.items():
        np.testing.assert_array_equal(state, run.final_state[name])


def test_what_a_step_returned_does_not_change_with_the_next():
    net = ost.LSTM(3, 5)
    stream = net.stream()
    first = stream.step(np.ones((1, 3), np.float32))
    kept = first.copy()
    stream.step(np.ones((1, 3), np.float32))
    np.testing.assert_array_equal(first, kept)


def test_an_array_may_be_input_and_output():
    net = ost.GRU(4, 4)
    both, apart = net.stream(), net.stream()
    x = np.random.default_rng(0).normal(size=(1, 4)).astype("float32")
    loop = x.copy()
    for _ in range(3):
        x = apart.step(x)
        both.step(loop, out=loop)
        np.testing.assert_array_equal(loop, x)


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.zeros((1, 5)), DTypeError, "out is float64; expected an array of float32"),
        ([[0.0] * 5], DTypeError, "out is list"),
        (np.zeros((1, 4), np.float32), ShapeError, r"out is \(1, 4\); expected \(1, 5\)"),
        (np.zeros((1, 10), np.float32)[:, ::2], ConfigError, "not C-contiguous"),
        (np.broadcast_to(np.float32(0), (1, 5)), ConfigError, "or read-only"),
    ],
)
def test_an_array_that_cannot_take_the_output_is_refused_before_the_step(out, error, words):
    stream = ost.LSTM(3, 5).stream()
    with pytest.raises(error, match=words):
        stream.step(np.ones((1, 3), np.float32), out=out)
    assert all(not state.any() for state in stream.state.values())


def test_arrays_that_are_not_aligned_are_steps_too_but_no_outputs():
    def apart(values):
        raw = np.zeros(values.nbytes + 1, np.uint8)[1:].view(values.dtype).reshape(values.shape)
        raw[...] = values
        return raw

    x, net = np.ones((1, 3), np.float32), ost.LSTM(3, 5)
    np.testing.assert_array_equal(net.stream().step(apart(x)), net.stream().step(x))
    ids = ost.Sequential(ost.Embedding(4, 3), ost.RNN(3, 3))
    id_ = np.array([2])
    np.testing.assert_array_equal(ids.stream().step(apart(id_)), ids.stream().step(id_))
    with pytest.raises(ConfigError, match="not C-contiguous and aligned"):
        net.stream().step(x, out=apart(np.zeros((1, 5), np.float32)))


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@pytest.mark.parametrize("batch", [1, 2])
def test_flags_that_are_no_array_reset_rows(make, batch):
    net = make()
    x = rows_of(net, batch)[:, 0]
    fresh, worn = net.stream(batch), net.stream(batch)
    expected = fresh.step(x)
    worn.step(x)
    np.testing.assert_array_equal(worn.step(x, [True] * batch), expected)


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_a_stream_keeps_its_parameters_until_it_is_refreshed(make):
    net = make()
    x = rows_of(net, 2)
    old, new = net.stream(2), net.stream(2)
    for t in range(3):
        np.testing.assert_array_equal(old.step(x[:, t]), new.step(x[:, t]))
    state = new.state
    for view in net.parameters().values():
        view *= 0.5  # in place, as an optimizer does
    new.refresh()
    expected = net.run(x[:, 3:4], state=state).outputs[:, 0]
    np.testing.assert_array_equal(new.step(x[:, 3]), expected)
    assert not np.array_equal(old.step(x[:, 3]), expected)
