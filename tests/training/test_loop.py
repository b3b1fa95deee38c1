"""The loop does what one would write by hand, and nothing else."""

from __future__ import annotations

import re
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Streams
from ostinato.foreign.names import TRAINER as FOREIGN_NAMES
from tests.training.tasks import (
    language_model,
    network,
    ragged_lengths,
    running_sum,
    trainer,
    windows,
)


def by_hand(net, x, targets, *, epochs, batch_size, lengths=None, clip=1.0, reduction="mean"):
    """Plain epochs in order, as the README's first example has them."""
    optimizer = ost.Adam(lr=1e-2)
    for _ in range(epochs):
        for first in range(0, len(x), batch_size):
            rows = slice(first, first + batch_size)
            loss, grads = net.value_and_grad(
                x[rows],
                targets[rows],
                loss="mse",
                reduction=reduction,
                lengths=None if lengths is None else lengths[rows],
            )
            ost.clip_norm(grads.arena, clip)
            optimizer.step(net.arena, grads.arena)
    return loss


IN_ORDER = [ost.strategies.AllRows(shuffle=False)]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("ragged", [False, True])
def test_a_fit_has_the_bits_of_the_loop_written_by_hand(reduction, ragged):
    x, targets = running_sum()
    lengths = ragged_lengths() if ragged else None
    ours, theirs = network(), network()
    made = trainer(ours, strategies=IN_ORDER, reduction=reduction)
    made.fit(x, targets, epochs=2, batch_size=4, lengths=lengths)
    by_hand(theirs, x, targets, epochs=2, batch_size=4, lengths=lengths, reduction=reduction)
    assert np.array_equal(ours.arena, theirs.arena)
    assert made.run.step == 6


def test_lists_of_rows_are_the_same_as_arrays_with_lengths():
    x, targets = running_sum()
    lengths = ragged_lengths()
    nets = network(), network()
    rows = [[row[:length] for row, length in zip(a, lengths, strict=True)] for a in (x, targets)]
    first = trainer(nets[0]).fit(x, targets, lengths=lengths, epochs=2, batch_size=4)
    second = trainer(nets[1]).fit(*rows, epochs=2, batch_size=4)
    assert np.array_equal(nets[0].arena, nets[1].arena)
    assert first == second


def test_time_first_networks_are_given_time_first_data():
    x, targets = running_sum()
    nets = (
        ost.Sequential(ost.LSTM(2, 5), ost.Dense(5, 2)),
        ost.Sequential(ost.LSTM(2, 5, batch_first=False), ost.Dense(5, 2)),
    )
    lengths = ragged_lengths()
    whole = trainer(nets[0]).fit(x, targets, epochs=2, batch_size=4, lengths=lengths)
    turned = [np.ascontiguousarray(a.swapaxes(0, 1)) for a in (x, targets)]
    assert trainer(nets[1]).fit(*turned, epochs=2, batch_size=4, lengths=lengths) == whole
    assert np.array_equal(nets[0].arena, nets[1].arena)


def test_an_iterable_of_batches_is_gone_through_once_an_epoch():
    x, targets = running_sum()
    nets = network(), network()
    trainer(nets[0], strategies=IN_ORDER).fit(x, targets, epochs=2, batch_size=5)
    batches = [(x[:5], targets[:5]), ost.Batch(x[5:], targets[5:])]
    trainer(nets[1]).fit(batches, epochs=2)
    assert np.array_equal(nets[0].arena, nets[1].arena)


def test_rows_are_shuffled_anew_each_epoch_and_the_seed_decides_how():
    x, targets = running_sum()
    seen: dict[int, list[float]] = {}

    class Watch:
        @ost.hookimpl
        def ostinato_batch_start(self, run, batch):
            seen.setdefault(run.seed, []).extend(batch.x[:, 0, 0].tolist())

    for seed in (0, 1):
        trainer(callbacks=[Watch()], seed=seed).fit(x, targets, epochs=2, batch_size=4)
    everything = sorted(x[:, 0, 0].tolist())
    for order in seen.values():
        assert sorted(order[:10]) == sorted(order[10:]) == everything
        assert order[:10] != order[10:]
    assert seen[0] != seen[1]


def test_state_is_carried_from_window_to_window_and_begins_anew_with_the_epoch():
    data, net = windows(), language_model()
    by_hand = language_model()
    ost.Trainer(net, loss="cross_entropy", optimizer=ost.SGD(0.1)).fit(data, epochs=2)
    optimizer = ost.SGD(0.1)
    for _ in range(2):
        state = None
        for window in data:
            _, grads = by_hand.value_and_grad(
                window.x, window.targets, loss="cross_entropy", lengths=window.lengths, state=state
            )
            state = grads.final_state
            optimizer.step(by_hand.arena, grads.arena)
    assert np.array_equal(net.arena, by_hand.arena)


def test_no_state_is_carried_from_one_epoch_to_the_next():
    x, targets = running_sum()
    carrying, plain = [ost.Batch(x, targets, carries=True)], [ost.Batch(x, targets)]
    assert trainer().fit(carrying, epochs=3) == trainer().fit(plain, epochs=3)


def test_a_long_row_cut_by_the_estimator_is_a_stream_of_windows():
    data, nets = windows(length=91, rows=3, steps=5), (language_model(), language_model())
    ost.Trainer(nets[0], loss="cross_entropy", optimizer=ost.SGD(0.1)).fit(data, epochs=2)
    (whole,) = Streams(data.ids, 3, 30)
    strategies = [*IN_ORDER, ost.strategies.Truncated(5, update_every=5)]
    made = ost.Trainer(nets[1], loss="cross_entropy", optimizer=ost.SGD(0.1), strategies=strategies)
    made.fit(whole.x, whole.targets, lengths=whole.lengths, epochs=2)
    assert made.run.step == 12
    assert np.array_equal(nets[0].arena, nets[1].arena)


class Windows(ost.TruncatedBPTT):
    """Truncated BPTT with windows half as long as the batch."""

    def mode(self, rows: int, steps: int) -> Any:
        return ost.TruncatedBPTT(steps // 2, steps // 2).mode(rows, steps)


@pytest.mark.parametrize(
    "way", [ost.FullBPTT(), ost.TruncatedBPTT(2, 4), ost.CheckpointedBPTT("sqrt"), Windows(1, 1)]
)
def test_a_way_through_time_may_be_given_as_an_argument_or_as_a_strategy(way):
    x, targets = running_sum()
    by_hand, nets = network(), (network(), network())
    _, grads = by_hand.value_and_grad(x, targets, loss="mse", through_time=way)
    ost.SGD(0.1).step(by_hand.arena, grads.arena)
    for net, given in zip(nets, ({"through_time": way}, {"strategies": [way]}), strict=True):
        made = trainer(net, optimizer=ost.SGD(0.1), clip_norm=None, **given)
        made.strategies.curriculum = ost.strategies.AllRows(shuffle=False)
        made.fit(x, targets, epochs=1)
        assert np.array_equal(net.arena, by_hand.arena)


def test_the_history_has_a_row_for_each_epoch_and_fit_goes_on_counting():
    x, targets = running_sum()
    made = trainer(metrics=["rmse", "mae"])
    history = made.fit(x, targets, epochs=2, batch_size=4, validation=(x, targets))
    assert history is made.history
    assert history["epoch"] == [0, 1]
    assert history["step"] == [3, 6]
    assert made.fit(x, targets, epochs=1)["epoch"] == [0, 1, 2]
    # The loss decides the RMSE of training, the mean absolute error needs a run of its own.
    assert set(history.names) == {
        "epoch",
        "step",
        "loss",
        "rmse",
        "val_loss",
        "val_rmse",
        "val_mae",
        "grad_norm",
        "lr",
    }
    assert history[0]["rmse"] == pytest.approx(np.sqrt(history[0]["loss"]))
    assert np.isnan(history["val_loss"][2])


def test_the_loss_of_an_epoch_is_the_mean_over_valid_steps_not_over_batches():
    x, targets = running_sum()
    lengths = ragged_lengths()
    made = trainer(optimizer=ost.SGD(0.0), clip_norm=None)
    found = made.fit(x, targets, lengths=lengths, epochs=1, batch_size=3)[0]["loss"]
    whole, _ = made.net.loss_value(x, targets, loss="mse", lengths=lengths)
    # Sums of three batches in float32 against one.
    assert found == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_penalties_are_a_column_of_their_own_and_not_in_the_loss_that_is_compared(reduction):
    x, targets = running_sum()
    net = network(regularizers=[ost.L2(0.1)])
    made = trainer(net, optimizer=ost.SGD(0.0), reduction=reduction, metrics=["rmse"])
    row = made.fit(x, targets, epochs=1, batch_size=5, validation=(x, targets))[0]
    _, grads = net.value_and_grad(x, targets, loss="mse", reduction=reduction)
    # Two batches, each with the whole penalty; a sum is reported per valid step.
    expected = grads.penalty if reduction == "mean" else 2 * grads.penalty / x[..., 0].size
    assert row["penalty"] == pytest.approx(expected, rel=1e-6)
    # Sums of two batches in float32, after a difference.
    assert row["loss"] == pytest.approx(row["val_loss"], rel=1e-5)
    assert row["rmse"] == pytest.approx(row["val_rmse"], rel=1e-5)


def test_gradients_are_clipped_and_the_norm_before_is_recorded():
    x, targets = running_sum()
    net, found = network(), []

    class Watch:
        @ost.hookimpl
        def ostinato_batch_end(self, metrics):
            found.append(dict(metrics))

    before = net.arena.copy()
    trainer(net, optimizer=ost.SGD(1.0), clip_norm=1e-3, callbacks=[Watch()]).fit(100 * x, targets, epochs=1)
    (metrics,) = found
    assert metrics["grad_norm"] > 1e-2
    # The norm of the step is the limit, up to the 1e-6 in its denominator and rounding.
    assert np.linalg.norm(net.arena - before) == pytest.approx(1e-3, rel=1e-3)
    assert metrics["lr"] == 1.0


def test_groups_of_an_optimizer_go_by_the_names_of_parameters():
    x, targets = running_sum()
    net = network()
    before = net.state_dict()
    groups = {"1.*": {"momentum": 0.9}}
    trainer(net, optimizer=ost.SGD(0.1, groups=groups)).fit(x, targets, epochs=1, batch_size=5)
    by_name = network()
    optimizer = ost.SGD(0.1, groups=groups)
    for rows in np.split(ost.strategies.AllRows().lesson(ost.Moment(), np.zeros(10)).rows, 2):
        _, grads = by_name.value_and_grad(x[rows], targets[rows], loss="mse")
        optimizer.step(by_name.parameters(), grads.params, clip_norm=1.0)
    assert not np.array_equal(net.parameters()["1.weight"], before["1.weight"])
    assert np.array_equal(net.arena, by_name.arena)


def test_the_schedule_moves_the_learning_rate_from_what_the_optimizer_had():
    x, targets = running_sum()
    made = trainer(schedule=lambda start, when: start * 0.5**when.epoch)
    assert made.fit(x, targets, epochs=3)["lr"] == [1e-2, 5e-3, 2.5e-3]
    made = trainer(schedule=ost.schedules.TimeBased(1.0))
    assert made.fit(x, targets, epochs=2)["lr"] == [1e-2, 5e-3]


def test_noise_is_another_in_each_step_and_the_same_for_the_same_seed():
    x, targets = running_sum()
    options = {"regularizers": [ost.Dropout(0.5)]}
    nets = [network(**options) for _ in range(3)]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        trainer(net, seed=seed, strategies=IN_ORDER).fit(x, targets, epochs=2)
    assert np.array_equal(nets[0].arena, nets[1].arena)
    assert not np.array_equal(nets[0].arena, nets[2].arena)


@pytest.mark.parametrize("late", [float("nan"), float("inf"), "x", None, -1.0])
def test_a_schedule_that_returns_no_number_later_is_named(late):
    made = trainer(schedule=lambda start, when: late if when.step else start)
    x, targets = (one[:10] for one in running_sum())
    with pytest.raises(ost.ConfigError, match=r"Trainer: the value of schedule is .*; expected a"):
        made.fit(x, targets, epochs=3, batch_size=5, progress=False)


def test_evaluate_carries_state_and_needs_no_second_pass():
    data, net = windows(), language_model()
    made = ost.Trainer(net, loss="cross_entropy", metrics=["accuracy", "bits_per_character"])
    found = made.evaluate(iter(data))
    state, nats = None, 0.0
    for window in data:
        value, state = net.loss_value(
            window.x,
            window.targets,
            loss="cross_entropy",
            lengths=window.lengths,
            state=state,
            reduction="sum",
        )
        nats += value
    assert found["loss"] == pytest.approx(nats / 100, rel=1e-12)
    assert found["bits_per_character"] == pytest.approx(nats / 100 / np.log(2), rel=1e-12)


def test_data_of_which_nothing_counts_is_no_perfect_score():
    x, targets = running_sum()
    made = trainer()
    for given in ({}, {"lengths": np.zeros(len(x), int)}):
        rows = len(x) if given else 0
        with pytest.raises(ost.ConfigError, match="evaluate: the data has no valid step"):
            made.evaluate(x[:rows], targets[:rows], **given)
    with pytest.raises(ost.ConfigError, match="validation: the data has no valid step"):
        made.fit(x, targets, epochs=1, validation=(x[:0], targets[:0]))


def test_a_trainer_does_one_thing_at_a_time():
    x, targets = running_sum()
    errors: list[BaseException] = []

    class Meddle:
        @ost.hookimpl
        def ostinato_batch_end(self, run):
            def fit() -> None:
                try:
                    made.fit(x, targets, epochs=1)
                except ost.ConcurrentUseError as error:
                    errors.append(error)

            thread = threading.Thread(target=fit)
            thread.start()
            thread.join()

    made = trainer(callbacks=[Meddle()])
    made.fit(x, targets, epochs=1)
    assert len(errors) == 1
    assert made.run.epoch == 1


def test_a_fit_in_another_thread_than_the_main_one_works():
    x, targets = running_sum()
    made = trainer()
    thread = threading.Thread(target=made.fit, args=(x, targets), kwargs={"epochs": 1})
    thread.start()
    thread.join()
    assert made.run.epoch == 1


X, TARGETS = running_sum()
BAD_FITS = {
    "no targets": ((X,), {}, "targets is missing"),
    "fewer targets": ((X, TARGETS[:3]), {}, "targets has 3 rows; x has 10"),
    "one axis": ((X[0, 0], TARGETS), {}, "x is"),
    "lengths": ((X, TARGETS), {"lengths": [1, 2]}, "lengths is"),
    "weights": ((X, TARGETS), {"weights": np.ones((3, 7))}, "weights has 3 rows"),
    "batch size": ((X, TARGETS), {"batch_size": 0}, "batch_size is 0"),
    "epochs": ((X, TARGETS), {"epochs": -1}, "epochs is -1"),
    "an iterator": ((iter([(X, TARGETS)]),), {}, "used up"),
    "lengths of an iterable": (([(X, TARGETS)],), {"lengths": [7] * 10}, "lengths requires x"),
    "a batch of another kind": (([X],), {}, "batch 0"),
    "a fraction for validation": (
        (X, TARGETS),
        {"validation": 0.2},
        "validation is 0.2; a fraction is not taken",
    ),
    "validation": ((X, TARGETS), {"validation": (X,)}, "validation has 1"),
    "validation of another width": (
        (X, TARGETS),
        {"validation": (np.concatenate([X, X], axis=2), TARGETS)},
        "validation: x is",
    ),
    "validation of other numbers": (
        (X, TARGETS),
        {"validation": (X, TARGETS.astype(int))},
        "validation: targets has dtype int64",
    ),
    "validation of no rows": (
        (X, TARGETS),
        {"validation": (X[:0], TARGETS[:0])},
        "validation: the data has no valid step",
    ),
    "a number": ((3,), {}, "targets is missing"),
}


@pytest.mark.parametrize("case", BAD_FITS)
def test_a_bad_argument_of_fit_is_named(case):
    args, options, message = BAD_FITS[case]
    made = trainer()
    before = made.net.arena.copy()
    with pytest.raises(ost.OstinatoError, match=message):
        made.fit(*args, **{"epochs": 1, **options})
    assert np.array_equal(made.net.arena, before)


class Unmarked:
    """Means to hear of batches."""

    def ostinato_batch_end(self, step): ...


class HalfMarked:
    """Hears of batches, and means to hear of epochs."""

    @ost.hookimpl
    def ostinato_batch_end(self, step): ...

    def ostinato_epoch_ends(self, epoch): ...


BAD_TRAINERS = {
    "net": ({"net": 3}, "net is 3"),
    "loss": ({"loss": "msee"}, "mse"),
    "optimizer": ({"optimizer": 0.1}, "optimizer is 0.1"),
    "schedule": ({"schedule": 0.1}, "schedule is 0.1"),
    "schedule name": ({"schedule": "cosin"}, "did you mean 'cosine'"),
    "strategies": ({"strategies": "all"}, r"strategies is 'all'; expected a list, such as \['all'\]"),
    "strategy": ({"strategies": [3]}, r"strategies\[0\] is 3; expected a name"),
    "strategy name": ({"strategies": ["teacher"]}, "teacher_forcing"),
    "two of a role": (
        {"strategies": [ost.TruncatedBPTT(2, 2), "full"]},
        "two of the role 'estimator'.*Truncated.*Full",
    ),
    "a way that is none": ({"through_time": 3}, "through_time is 3"),
    "a step of its own": (
        {"callbacks": [SimpleNamespace(ostinato_train_step=ost.hookimpl(lambda: {}))]},
        r"hookimpl\(wrapper=True\)",
    ),
    "two ways": ({"strategies": ["full"], "through_time": ost.FullBPTT()}, "two of the role"),
    "clip": ({"clip_norm": 0}, "clip_norm is 0"),
    "reduction": ({"reduction": "none"}, "reduction is 'none'"),
    "metric": ({"metrics": ["rms"]}, "rmse"),
    "metric of ids": ({"metrics": ["accuracy"]}, "metric 'accuracy' takes targets of kind 'index'"),
    "metric twice": ({"metrics": ["mae", "mae"]}, "'mae' twice"),
    "callback": ({"callbacks": [3]}, "callbacks has 3, which has no hook of a run"),
    "callback class": ({"callbacks": [ost.EarlyStopping]}, r"EarlyStopping\(.*\), not the class"),
    "callback without a mark": (
        {"callbacks": [Unmarked()]},
        "'Unmarked', whose ostinato_batch_end is named like a hook .*@ost.hookimpl",
    ),
    "one plugin with a mark and one without": (
        {"callbacks": [HalfMarked()]},
        "'HalfMarked', whose ostinato_epoch_ends is named like a hook",
    ),
    "an argument that a hook has not": (
        {"callbacks": [SimpleNamespace(ostinato_batch_end=ost.hookimpl(lambda network: None))]},
        r"(?s)network.*ostinato_batch_end takes any of these arguments, by name: run, step, metrics",
    ),
    "strategy without its arguments": (
        {"strategies": ["truncated"]},
        r"'truncated' has required arguments \(k1\); pass ost.strategies.Truncated\(k1, k2\)",
    ),
    "schedule without its arguments": ({"schedule": "exponential"}, r"ost.schedules.Exponential\(decay\)"),
    "schedule of an epoch": ({"schedule": lambda epoch: 0.1}, r"cannot be called with \(start, when\)"),
    "callback name": ({"callbacks": ["no_such"]}, r"callbacks\[0\] is 'no_such', which no active plugin has"),
    "seed": ({"seed": -1}, "seed is -1"),
}


@pytest.mark.parametrize("case", BAD_TRAINERS)
def test_a_bad_argument_of_a_trainer_is_named(case):
    options, message = BAD_TRAINERS[case]
    with pytest.raises(ost.OstinatoError, match=message):
        ost.Trainer(**{"net": network(), "loss": "mse", **options})


SETTINGS = {
    "clipnorm": (1.0, r"use Trainer\(net, clip_norm=\.\.\.\)"),
    "clipvalue": (1.0, "no clipping by value"),
    "learning_rate": (0.1, "schedule="),
    "epochs": (3, r"an argument of fit\("),
    "callback": ([], "has no attribute 'callback' to set"),
    "clip_norm": (1.0, "'clip_norm' is fixed at construction; make a new one"),
    "optimizer": (ost.SGD(lr=0.1), "is fixed"),
    "loss": ("mae", "is fixed"),
    "net": (None, "is fixed"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_what_a_trainer_does_not_read_is_an_error_with_a_hint(name):
    class Mine(ost.Trainer):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.note = "mine"

    value, words = SETTINGS[name]
    for made in (ost.Trainer(ost.RNN(2, 3), loss="mse"), Mine(ost.RNN(2, 3), loss="mse")):
        with pytest.raises(AttributeError, match=words):
            setattr(made, name, value)
    made.note = "another"


@pytest.mark.parametrize("name", FOREIGN_NAMES)
def test_what_other_frameworks_call_it_is_a_hint_to_what_it_is_called_here(name):
    with pytest.raises(AttributeError, match=f"'Trainer' object has no attribute '{name}'; ") as caught:
        getattr(ost.Trainer(ost.RNN(2, 3), loss="mse"), name)
    places = (ost, ost.Trainer, ost.Network)
    assert all(
        any(hasattr(one, call) for one in places) for call in re.findall(r"(\w+)\(", str(caught.value))
    )


ONES, ZEROS, ADVANTAGES = np.ones((2, 3, 2)), np.zeros((2, 3, 4)), np.array([[1.0, -1, 2], [0, 1, -3]])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_data_with_negative_weights_has_no_mean_and_is_refused(reduction):
    net = ost.RNN(2, 4)
    trainer, before = ost.Trainer(net, loss="mse", reduction=reduction), net.arena.copy()
    with pytest.raises(ost.ConfigError, match="weights holds a negative number"):
        trainer.fit(ONES, ZEROS, weights=ADVANTAGES, epochs=1)
    with pytest.raises(ost.ConfigError, match="evaluate: weights holds a negative number"):
        trainer.evaluate(ONES, ZEROS, weights=ADVANTAGES)
    with pytest.raises(ost.ConfigError, match="weights holds a negative number"):
        trainer.fit([ost.Batch(list(ONES), list(ZEROS), weights=list(ADVANTAGES))], epochs=1)
    np.testing.assert_array_equal(net.arena, before)
    assert not trainer.run.step


def test_an_estimator_may_weigh_steps_negatively_where_the_loss_is_a_sum():
    class Advantage(ost.Estimator):
        """The gradient of a loss that is weighed by an advantage, as REINFORCE weighs it."""

        def estimate(self, core, batch):
            return core.value_and_grad(batch.replace(weights=ADVANTAGES[batch.places]))

    sgd, net, other = ost.SGD(lr=0.1), ost.RNN(2, 4), ost.RNN(2, 4)
    trainer = ost.Trainer(net, loss="mse", reduction="sum", strategies=[Advantage()], optimizer=sgd)
    trainer.fit(ONES, ZEROS, epochs=1)
    assert trainer.run.step == 1
    _, grads = other.value_and_grad(ONES, ZEROS, loss="mse", reduction="sum", weights=ADVANTAGES)
    ost.SGD(lr=0.1).step(other.arena, grads.arena)
    # The rows are shuffled, so the sums are taken in another order.
    np.testing.assert_allclose(net.arena, other.arena, atol=1e-6)
    averaging = ost.Trainer(net, loss="mse", strategies=[Advantage()])
    with pytest.raises(ost.ConfigError, match='reduction="sum"'):
        averaging.fit(ONES, ZEROS, epochs=1)


def test_a_learning_rate_that_is_set_between_two_fits_is_used():
    net, other = ost.RNN(2, 4, dtype="float64"), ost.RNN(2, 4, dtype="float64")
    for one, rate in ((net, 0.01), (other, 0.02)):
        made = ost.Trainer(one, loss="mse", optimizer=ost.SGD(lr=0.01))
        made.fit(ONES, ZEROS, epochs=1)
        before, made.optimizer.lr = one.arena.copy(), rate
        assert made.fit(ONES, ZEROS, epochs=1)["lr"] == [0.01, rate]
        moved = one.arena - before
    first = ost.RNN(2, 4, dtype="float64")
    ost.Trainer(first, loss="mse", optimizer=ost.SGD(lr=0.01)).fit(ONES, ZEROS, epochs=2)
    np.testing.assert_array_equal(net.arena, first.arena)
    np.testing.assert_allclose(moved, 2 * (net.arena - before), atol=1e-14)
