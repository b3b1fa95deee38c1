"""The forms of a mask, and what it skips, for every network of the table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import pack
from tests.masks import compressed, mask_of, poisoned, scattered, valid_of
from tests.networks.makes import MAKES, floats, make

RNG = np.random.default_rng(13)


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (5, 6), (19, 4), (0, 4), (3, 0), (0, 0)])
def test_a_masked_step_is_not_there(name: str, rows: int, steps: int) -> None:
    net = make(name)
    x, mask = floats(RNG, net, rows, steps), mask_of(rows, steps)
    run = net.run(poisoned(x, mask), mask=mask, training=True)
    by_hand = net.run(compressed(x, mask), lengths=mask.sum(1), training=True)
    assert run.outputs.tobytes() == scattered(by_hand.outputs, mask).tobytes()
    d = RNG.standard_normal(run.outputs.shape).astype(net.dtype)
    gradients = run.backward(poisoned(d, mask))
    expected = by_hand.backward(compressed(d, mask))
    assert gradients.arena.tobytes() == expected.arena.tobytes()
    if not net.takes_ids:
        assert gradients.inputs.tobytes() == scattered(expected.inputs, mask).tobytes()
    for key, value in by_hand.final_state.items():
        assert run.final_state[key].tobytes() == value.tobytes()
        assert gradients.initial_state[key].tobytes() == expected.initial_state[key].tobytes()
    # inference may divide rows into other groups
    assert net.run(x, mask=mask).outputs.tobytes() == run.outputs.tobytes()


@pytest.mark.parametrize("name", MAKES)
def test_a_mask_of_a_list_of_rows_is_a_list_of_rows(name: str) -> None:
    net = make(name)
    lengths = np.array([4, 0, 2, 5])
    x, mask = floats(RNG, net, 4, 5), mask_of(4, 5)
    padded = net.run(x, lengths=lengths, mask=mask).outputs
    rows = [row[:length] for row, length in zip(x, lengths, strict=True)]
    cut = [row[:length] for row, length in zip(mask, lengths, strict=True)]
    for given in (cut, [row.tolist() for row in cut], mask):
        assert net.run(rows, mask=given).outputs.tobytes() == padded.tobytes()
    assert not padded[~valid_of(mask, lengths)].any()


def test_packed_rows_take_a_packed_mask() -> None:
    net, lengths = make("lstm"), np.array([4, 1, 2])
    x, mask = floats(RNG, net, 3, 4), mask_of(3, 4)
    expected = net.run(x, lengths=lengths, mask=mask).outputs
    found = net.run(pack(x, lengths), mask=pack(mask, lengths)).outputs
    assert found.tobytes() == expected.tobytes()


def test_the_axes_of_a_mask_are_those_of_x() -> None:
    first, second = (
        ost.LSTM(3, 4, bidirectional=True, seed=1, batch_first=batch_first) for batch_first in (True, False)
    )
    x, mask = floats(RNG, first, 5, 3), mask_of(5, 3)
    targets = RNG.standard_normal((5, 3, 8))
    one = first.value_and_grad(x, targets, loss="mse", mask=mask)
    turned = [np.ascontiguousarray(array.swapaxes(0, 1)) for array in (x, targets, mask)]
    other = second.value_and_grad(turned[0], turned[1], loss="mse", mask=turned[2])
    assert one[0] == other[0]
    assert one[1].arena.tobytes() == other[1].arena.tobytes()
    np.testing.assert_array_equal(one[1].inputs, other[1].inputs.swapaxes(0, 1))


@pytest.mark.parametrize("strided", [np.asfortranarray, lambda mask: np.repeat(mask, 2, axis=1)[:, ::2]])
def test_a_mask_may_have_any_memory_layout(strided: Any) -> None:
    net = make("lstm")
    x, mask = floats(RNG, net, 5, 6), mask_of(5, 6)
    assert net(x, mask=strided(mask)).tobytes() == net(x, mask=mask).tobytes()


def test_a_row_gives_the_same_alone_and_in_a_batch() -> None:
    net = make("gru, both ways, stacked")
    x, mask = floats(RNG, net, 37, 6), mask_of(37, 6)
    whole = net.run(x, mask=mask)
    for n in range(37):
        alone = net.run(x[n : n + 1], mask=mask[n : n + 1])
        assert alone.outputs.tobytes() == whole.outputs[n : n + 1].tobytes()
        assert all(
            alone.final_state[key][:, 0].tobytes() == whole.final_state[key][:, n].tobytes()
            for key in whole.final_state
        )


def test_the_mean_of_a_loss_is_over_the_valid_steps() -> None:
    net = make("lstm")
    x, mask = floats(RNG, net, 4, 6), mask_of(4, 6)
    targets = RNG.standard_normal((4, 6, 4))
    error = ((net(x, mask=mask) - targets) ** 2).mean(-1)
    weights = RNG.random((4, 6))
    for given, expected in (
        (None, error[mask].mean()),
        (weights, np.average(error[mask], weights=weights[mask])),
    ):
        bad = None if given is None else np.where(mask, given, -1.0)  # negative where nothing reads it
        value, _ = net.value_and_grad(x, poisoned(targets, mask), loss="mse", weights=bad, mask=mask)
        assert value == pytest.approx(expected, rel=1e-12)
        again, _ = net.loss_value(x, poisoned(targets, mask), loss="mse", weights=bad, mask=mask)
        assert again == pytest.approx(expected, rel=1e-12)


def test_no_valid_step_at_all_gives_a_loss_of_zero_and_gradients_of_zero() -> None:
    net = make("lstm")
    x = np.full((2, 3, 3), np.nan)
    value, gradients = net.value_and_grad(
        x, np.full((2, 3, 4), np.nan), loss="mse", mask=np.zeros((2, 3), bool)
    )
    assert value == 0.0
    assert not gradients.arena.any()
    assert not gradients.inputs.any()


def test_ids_that_count_are_still_checked() -> None:
    net = make("embedding")
    ids, mask = np.array([[1, 9, -4, 2]]), np.array([[True, False, False, True]])
    assert net(ids, mask=mask).shape == (1, 4, 3)
    mask[0, 2] = True
    with pytest.raises(ost.ConfigError, match=r"the id -4 \(row 0, step 2\)"):
        net(ids, mask=mask)


def test_noise_is_drawn_by_valid_step_so_windows_of_equal_counts_continue_it() -> None:
    net = ost.GRU(3, 5, regularizers=[ost.Dropout(0.5), ost.Zoneout(0.3)])
    x = RNG.standard_normal((3, 8, 3))
    mask = np.ones((3, 8), bool)
    mask[[0, 1, 2], [0, 2, 3]] = False  # three valid steps of the first four, in every row
    whole = net.run(x, mask=mask, training=True, seed=6)
    first = net.run(x[:, :4], mask=mask[:, :4], training=True, seed=6)
    second = net.run(x[:, 4:], mask=mask[:, 4:], training=True, seed=6, first_step=3, state=first.final_state)
    assert np.concatenate([first.outputs, second.outputs], axis=1).tobytes() == whole.outputs.tobytes()
