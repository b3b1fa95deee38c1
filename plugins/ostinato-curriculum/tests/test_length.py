"""The length curriculum: its formula, its rows, and its place in a run."""

import numpy as np
import pytest
from ostinato_curriculum import LengthCurriculum

import ostinato as ost

LENGTHS = np.array([9, 2, 5, 5, 7, 1, 9, 3])


def lessons(curriculum, epochs=5, lengths=LENGTHS):
    return [curriculum.lesson(ost.Moment(epoch=epoch), lengths) for epoch in range(epochs)]


def test_the_steps_of_an_epoch_are_the_formula():
    assert [one.steps for one in lessons(LengthCurriculum(2, 3))] == [2, 5, 8, 9, 9]
    assert [one.steps for one in lessons(LengthCurriculum(2, 3, longest=6))] == [2, 5, 6, 6, 6]
    assert [one.steps for one in lessons(LengthCurriculum(2, 3), lengths=None)] == [2, 5, 8, 11, 14]


def test_longer_rows_are_cut_or_wait():
    for one in lessons(LengthCurriculum(2, 3)):
        assert sorted(one.rows) == list(range(8))
    for one in lessons(LengthCurriculum(2, 3, longer="wait")):
        assert sorted(one.rows) == np.flatnonzero(LENGTHS <= one.steps).tolist()


def test_short_first_goes_from_easy_to_hard():
    for one in lessons(LengthCurriculum(3, 3, longer="wait", order="short_first")):
        assert (np.diff(LENGTHS[one.rows]) >= 0).all()
    first, second = lessons(LengthCurriculum(9, 1, order="short_first"), epochs=2)
    assert not np.array_equal(first.rows, second.rows)  # Rows of one length change places.


def test_no_row_that_is_short_enough_is_an_error_that_says_what_to_do():
    with pytest.raises(ost.ConfigError, match="the shortest has 4; use a larger start"):
        LengthCurriculum(2, longer="wait").lesson(ost.Moment(), np.array([4, 6]))
    assert len(LengthCurriculum(2, longer="wait").lesson(ost.Moment(), np.zeros(0, int)).rows) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 0}, "start is 0"),
        ({"increment": 1.5}, "increment is 1.5"),
        ({"longest": True}, "longest is True"),
        ({"longer": "drop"}, "longer is 'drop'"),
        ({"order": "long_first"}, "order is 'long_first'"),
        ({"strat": 3}, "did you mean 'start'"),
    ],
)
def test_a_bad_option_is_named(options, message):
    with pytest.raises(ost.ConfigError, match=message):
        LengthCurriculum(**options)


def test_an_iterable_can_only_be_cut():
    with pytest.raises(ost.ConfigError, match="can only be cut"):
        LengthCurriculum(longer="wait").lesson(ost.Moment(), None)


class Watch:
    """Notes the steps of each batch."""

    def __init__(self):
        self.steps = []

    @ost.hookimpl
    def ostinato_batch_start(self, batch):
        self.steps.append((batch.steps, batch.rows))


def trained(strategies, **options):
    x = np.random.default_rng(0).normal(size=(8, 9, 2)).astype("float32")
    net, watch = ost.Sequential(ost.GRU(2, 6), ost.Dense(6, 2)), Watch()
    callbacks = [watch, *options.pop("callbacks", [])]
    trainer = ost.Trainer(net, loss="mse", strategies=strategies, callbacks=callbacks)
    trainer.fit(x, np.cumsum(x, axis=1), lengths=LENGTHS, epochs=4, batch_size=8, **options)
    return trainer, watch.steps


def test_a_run_takes_it_by_its_name_from_outside():
    assert (
        trained(["curriculum/length"])[1] == [(9, 8)] * 4
    )  # By default, an epoch has all 9 steps from the start.
    assert trained([LengthCurriculum(2, 3)])[1] == [(2, 8), (5, 8), (8, 8), (9, 8)]
    assert trained([LengthCurriculum(3, 3, longer="wait")])[1] == [(3, 3), (6, 5), (9, 8), (9, 8)]
    row = next(row for row in ost.plugins.report() if row.id == "ostinato-curriculum:strategies")
    assert (row.status, row.provides) == ("active", ("strategy curriculum/length",))


def test_a_resumed_run_is_the_one_that_was_not_cut(tmp_path):
    path = tmp_path / "checkpoint"
    strategies = [LengthCurriculum(2, 3, order="short_first")]
    whole, _ = trained(strategies, callbacks=[ost.Checkpoints(path, every_steps=3)])
    resumed, _ = trained(strategies, resume=path)
    assert np.array_equal(resumed.net.arena, whole.net.arena)
    assert resumed.history == whole.history
