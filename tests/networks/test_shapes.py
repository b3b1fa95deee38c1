"""What goes in and comes out: shapes, ragged rows, empty sizes, axis order, carried states."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from tests.networks.makes import MAKES, floats, make

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (3, 5), (0, 4), (3, 0), (0, 0)])
def test_outputs_states_and_gradients_have_the_shapes_of_the_conventions(
    name: str, rows: int, steps: int
) -> None:
    net = make(name)
    x = floats(RNG, net, rows, steps)
    run = net.run(x, training=True)
    assert run.outputs.shape == (rows, steps, net.output_size)
    assert run.outputs.dtype == net.dtype
    expected = {key: (places, rows, *size) for key, (places, *size) in net.state_shapes.items()}
    assert {key: value.shape for key, value in run.final_state.items()} == expected
    gradients = run.backward(np.ones_like(run.outputs))
    assert gradients.arena.shape == net.arena.shape
    assert {k: v.shape for k, v in gradients.params.items()} == {
        k: v.shape for k, v in net.parameters().items()
    }
    assert {key: value.shape for key, value in gradients.initial_state.items()} == expected
    if net.takes_ids:
        assert gradients.inputs is None
    else:
        assert gradients.inputs is not None and gradients.inputs.shape == x.shape


@pytest.mark.parametrize("name", MAKES)
def test_no_rows_or_no_steps_give_a_loss_of_zero_and_gradients_of_zero(name: str) -> None:
    net = make(name)
    for rows, steps in ((0, 3), (2, 0)):
        targets = np.zeros((rows, steps, net.output_size))
        value, gradients = net.value_and_grad(floats(RNG, net, rows, steps), targets, loss="mse")
        assert value == 0.0
        assert not gradients.arena.any()


@pytest.mark.parametrize("name", MAKES)
def test_a_list_of_rows_is_the_padded_array_with_lengths(name: str) -> None:
    net = make(name)
    lengths = [4, 0, 2]
    x = floats(RNG, net, 3, 4)
    rows = [x[n, :length] for n, length in enumerate(lengths)]
    padded, ragged = net.run(x, lengths=lengths, training=True), net.run(rows, training=True)
    np.testing.assert_array_equal(ragged.outputs, padded.outputs)
    np.testing.assert_array_equal(ragged.lengths, lengths)
    for key, value in padded.final_state.items():
        np.testing.assert_array_equal(ragged.final_state[key], value)
    d = RNG.standard_normal(padded.outputs.shape).astype(net.dtype)
    one = padded.backward(d)
    two = ragged.backward([d[n, :length] for n, length in enumerate(lengths)])
    np.testing.assert_array_equal(one.arena, two.arena)


@pytest.mark.parametrize("name", MAKES)
def test_past_its_length_a_row_outputs_zeros_and_nothing_there_is_read(name: str) -> None:
    net = make(name)
    lengths = np.array([5, 0, 2])
    x = floats(RNG, net, 3, 5)
    targets = RNG.standard_normal((3, 5, net.output_size))
    weights = np.ones((3, 5))
    spoilt_x, spoilt_targets, spoilt_weights = x.copy(), targets.copy(), weights.copy()
    for n, length in enumerate(lengths):
        spoilt_x[n, length:] = -7 if net.takes_ids else np.nan
        spoilt_targets[n, length:] = np.nan
        spoilt_weights[n, length:] = np.nan
    run = net.run(x, lengths=lengths, training=True)
    spoilt = net.run(spoilt_x, lengths=lengths, training=True)
    for n, length in enumerate(lengths):
        assert not run.outputs[n, length:].any()
    np.testing.assert_array_equal(spoilt.outputs, run.outputs)
    d = RNG.standard_normal(run.outputs.shape).astype(net.dtype)
    spoilt_d = d.copy()
    for n, length in enumerate(lengths):
        spoilt_d[n, length:] = np.nan
    np.testing.assert_array_equal(spoilt.backward(spoilt_d).arena, run.backward(d).arena)

    clean = net.value_and_grad(x, targets, loss="mse", lengths=lengths, weights=weights)
    dirty = net.value_and_grad(spoilt_x, spoilt_targets, loss="mse", lengths=lengths, weights=spoilt_weights)
    assert dirty[0] == clean[0]
    np.testing.assert_array_equal(dirty[1].arena, clean[1].arena)


@pytest.mark.parametrize("name", [name for name in MAKES if "both ways" not in name])
def test_nine_steps_are_four_steps_and_five_with_the_state_carried(name: str) -> None:
    net = make(name)
    x = floats(RNG, net, 2, 9)
    whole = net.run(x)
    first = net.run(x[:, :4])
    second = net.run(x[:, 4:], state=first.final_state)
    both = np.concatenate([first.outputs, second.outputs], axis=1)
    np.testing.assert_array_equal(both, whole.outputs)
    for key, value in whole.final_state.items():
        np.testing.assert_array_equal(second.final_state[key], value)


def test_a_row_of_length_zero_keeps_its_state() -> None:
    net = ost.LSTM(3, 4, dtype="float64")
    start = {key: RNG.standard_normal((1, 2, 4)) for key in ("h", "c")}
    run = net.run(RNG.standard_normal((2, 3, 3)), state=start, lengths=[0, 3])
    for key, value in start.items():
        np.testing.assert_array_equal(run.final_state[key][:, 0], value[:, 0])


def test_batch_first_false_takes_and_gives_time_first() -> None:
    net, swapped = ost.GRU(3, 4, bidirectional=True), ost.GRU(3, 4, bidirectional=True, batch_first=False)
    x = RNG.standard_normal((2, 5, 3)).astype(np.float32)
    run, other = (
        net.run(x, lengths=[5, 2], training=True),
        swapped.run(x.swapaxes(0, 1), lengths=[5, 2], training=True),
    )
    np.testing.assert_array_equal(other.outputs, run.outputs.swapaxes(0, 1))
    np.testing.assert_array_equal(other.final_state["h"], run.final_state["h"])
    d = RNG.standard_normal(run.outputs.shape).astype(np.float32)
    one, two = run.backward(d), other.backward(d.swapaxes(0, 1))
    np.testing.assert_array_equal(two.inputs, one.inputs.swapaxes(0, 1))
    np.testing.assert_array_equal(two.arena, one.arena)
    targets = RNG.standard_normal((2, 5, 8)).astype(np.float32)
    loss = net.value_and_grad(x, targets, loss="mse", lengths=[5, 2])[0]
    assert (
        swapped.value_and_grad(x.swapaxes(0, 1), targets.swapaxes(0, 1), loss="mse", lengths=[5, 2])[0]
        == loss
    )


def test_a_sequential_takes_the_axis_order_of_its_recurrent_layers() -> None:
    net = ost.Sequential(ost.LSTM(3, 4, batch_first=False), ost.Dense(4, 2))
    assert net.run(np.zeros((5, 2, 3))).outputs.shape == (5, 2, 2)
    with pytest.raises(ost.ConfigError, match="batch_first"):
        ost.Sequential(ost.LSTM(3, 4, batch_first=False), ost.GRU(4, 4))


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.longdouble, ">f4"])
def test_other_floats_are_converted(kind: object) -> None:
    net = ost.RNN(3, 4)
    x = np.arange(24).reshape(2, 4, 3) / 8  # Exact in every type.
    np.testing.assert_array_equal(net.run(x.astype(kind)).outputs, net.run(x.astype(np.float32)).outputs)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64])
def test_ids_of_any_integer_type_are_the_same_ids(kind: object) -> None:
    net = ost.Embedding(5, 3)
    x = np.array([[0, 4, 2]])
    np.testing.assert_array_equal(net.run(x.astype(kind)).outputs, net.parameters()["weight"][x])


def test_views_and_read_only_arrays_are_taken_as_they_are() -> None:
    net = ost.GRU(3, 4)
    x = RNG.standard_normal((2, 6, 3)).astype(np.float32)
    wide = np.zeros((4, 12, 6), np.float32)
    wide[::2, ::2, ::2] = x
    view = wide[::2, ::2, ::2]
    view.setflags(write=False)
    np.testing.assert_array_equal(net.run(view).outputs, net.run(x).outputs)


def test_arrays_that_are_not_aligned_are_taken_as_any_others():
    def shifted(array):
        buffer = bytearray(array.nbytes + 1)
        copy = np.frombuffer(buffer, array.dtype, count=array.size, offset=1).reshape(array.shape)
        copy[...] = array
        return copy

    net = ost.Sequential(ost.Embedding(7, 3), ost.LSTM(3, 4))
    ids, lengths = np.arange(10).reshape(2, 5) % 7, np.array([5, 3])
    targets = np.ones((2, 5, 4), "float32")
    plain = net.value_and_grad(ids, targets, loss="mse", lengths=lengths)
    other = net.value_and_grad(shifted(ids), shifted(targets), loss="mse", lengths=shifted(lengths))
    assert plain[0] == other[0]
    np.testing.assert_array_equal(plain[1].arena, other[1].arena)
