"""A NaN or an infinity is named in the update that meets it, and leaves the model as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.training.tasks import language_model, network, ragged_lengths, running_sum, trainer, windows

X, TARGETS = running_sum()
ORDER = [ost.strategies.AllRows(shuffle=False)]


def spoiled(array: Any, value: float, place: Any = (5, 2, 1)) -> Any:
    copy = array.copy()
    copy[place] = value
    return copy


CASES = {
    "x": (lambda: (spoiled(X, np.nan), TARGETS, {}), "x holds nan in row 5, step 2"),
    "an infinite x": (lambda: (spoiled(X, -np.inf), TARGETS, {}), "x holds -inf in row 5, step 2"),
    "targets": (lambda: (X, spoiled(TARGETS, np.inf), {}), "targets holds inf in row 5, step 2"),
    "weights": (
        lambda: (X, TARGETS, {"weights": spoiled(np.ones((10, 7)), np.nan, (5, 2))}),
        "weights holds nan in row 5, step 2",
    ),
    "a row of a list": (
        lambda: (list(spoiled(X, np.nan)), list(TARGETS), {}),
        "x holds nan in row 5, step 2",
    ),
    "x within the lengths": (
        lambda: (spoiled(X, np.nan), TARGETS, {"lengths": np.full(10, 3)}),
        "x holds nan in row 5, step 2",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_value_of_the_data_is_named_in_its_update(case):
    make, message = CASES[case]
    x, targets, options = make()
    made = trainer(strategies=ORDER)
    plain = trainer(network(), strategies=ORDER)
    plain.fit(X[:4], TARGETS[:4], epochs=1, batch_size=4, **{k: v[:4] for k, v in options.items()})
    # The second batch has the bad row: its second.
    with pytest.raises(ost.NonFiniteError, match=rf"step 1 \(epoch 0, batch 1\).*{message}"):
        made.fit(x, targets, epochs=1, batch_size=4, **options)
    assert np.array_equal(made.net.arena, plain.net.arena)
    assert (made.run.step, made.optimizer.steps) == (1, 1)


@pytest.mark.parametrize("form", [np.asarray, list])
def test_the_row_is_that_of_the_data_however_it_was_shuffled(form):
    with pytest.raises(ost.NonFiniteError, match="x holds nan in row 5, step 2"):
        trainer().fit(form(spoiled(X, np.nan)), form(TARGETS), epochs=1, batch_size=4)


def test_a_batch_that_does_not_know_its_rows_says_so():
    with pytest.raises(ost.NonFiniteError, match="x holds nan in row 5 of the batch, step 2"):
        trainer().fit([(spoiled(X, np.nan), TARGETS)], epochs=1)


def test_nan_in_padding_is_no_error():
    lengths = ragged_lengths()
    x = X.copy()
    x[np.arange(7) >= lengths[:, None]] = np.nan
    nets = network(), network()
    trainer(nets[0]).fit(x, TARGETS, lengths=lengths, epochs=1)
    trainer(nets[1]).fit(X, TARGETS, lengths=lengths, epochs=1)
    assert np.array_equal(nets[0].arena, nets[1].arena)


def test_a_parameter_is_named():
    net = network()
    net.parameters()["0.weight_hh_l0"][3, 1] = np.nan
    with pytest.raises(
        ost.NonFiniteError,
        match=r"step 0 .*the loss is nan; parameter '0.weight_hh_l0' holds nan at \[3, 1\]",
    ):
        trainer(net).fit(X, TARGETS, epochs=1)


def test_a_gradient_is_named_when_the_loss_is_finite():
    class Spoil:
        @ost.hookimpl
        def ostinato_after_backward(self, grads):
            grads.params["1.bias"][1] = np.inf

    for clip in (1.0, None):
        made = trainer(callbacks=[Spoil()], clip_norm=clip)
        before = made.net.arena.copy()
        with pytest.raises(ost.NonFiniteError, match=r"the gradient of '1.bias' holds inf at \[1\]"):
            made.fit(X, TARGETS, epochs=1)
        assert np.array_equal(made.net.arena, before)


def test_an_update_that_overflows_is_named_in_its_step():
    made = trainer(optimizer=ost.SGD(1e38), clip_norm=None)
    with pytest.raises(
        ost.NonFiniteError, match=r"step 0 .*the update made parameter '.*' hold -?inf .*which is 1e\+38"
    ):
        made.fit(X, 100 * TARGETS, epochs=1)


def test_an_overflow_of_the_network_says_what_to_do():
    net = network("rnn", nonlinearity="identity")
    net.parameters()["0.weight_hh_l0"][...] = 1e30
    with pytest.raises(ost.NonFiniteError, match="the step overflowed: lower the learning rate, or clip"):
        trainer(net).fit(X, TARGETS, epochs=1)


def test_a_carried_state_is_named():
    class Spoil:
        @ost.hookimpl
        def ostinato_batch_end(self, run):
            run.carried["1.h"][0, 1, 2] = np.nan

    made = ost.Trainer(language_model(), loss="cross_entropy", callbacks=[Spoil()])
    with pytest.raises(ost.NonFiniteError, match=r"step 1 .*carried state '1.h' holds nan at \[0, 1, 2\]"):
        made.fit(windows(), epochs=1)


def test_large_weights_whose_squares_overflow_are_no_error():
    net = network("rnn", nonlinearity="tanh")
    net.parameters()["0.weight_ih_l0"][...] = 1e25
    trainer(net).fit(X, TARGETS, epochs=1)
