"""A function as `batch_size`: its batches are used, and must have each row once."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from tests.training.tasks import ragged_lengths, running_sum, trainer


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        (lambda lengths: [[0, 1], [1, *range(2, len(lengths))]], "has the place 1 of 10 in batches 2 times"),
        (lambda lengths: [[0, 0, *range(1, len(lengths))]], "has the place 0 of 10 in batches 2 times"),
        (lambda lengths: [range(2, len(lengths)), [0]], "has the place 1 of 10 in no batch"),
        (lambda lengths: [], "has the place 0 of 10 in no batch"),
    ],
)
def test_a_batcher_with_a_row_twice_or_never_is_refused(batches, words):
    x, targets = (one[:10] for one in running_sum())
    made = trainer()
    before = made.net.arena.copy()
    for call in (
        lambda: made.fit(x, targets, epochs=1, batch_size=batches, progress=False),
        lambda: made.evaluate(x, targets, batch_size=batches),
    ):
        with pytest.raises(ost.ConfigError, match=f"batch_size is .*{words}; expected each place once"):
            call()
    assert np.array_equal(made.net.arena, before)


def test_a_batcher_may_leave_out_rows_if_it_says_so():
    x, targets = (one[:10] for one in running_sum())

    class Some:
        drop_last = True

        def __call__(self, lengths):
            return [np.arange(4, dtype=np.uint64), np.arange(4, 8)]

    for batcher in (Some(), ost.data.ByLength(4, drop_last=True)):
        made = trainer()
        given = {"validation": (x, targets), "training_metrics": True, "batch_size": batcher}
        history = made.fit(x, targets, epochs=1, progress=False, **given)
        measured = made.evaluate(x, targets)["loss"]
        assert measured != made.evaluate(x[:8], targets[:8])["loss"]
        # batches of other sizes are added in another order
        assert history["val_loss"] == [pytest.approx(measured, rel=1e-6)]
        assert made.evaluate(x, targets, batch_size=batcher)["loss"] == history["val_loss"][0]


def test_a_batcher_that_leaves_out_all_rows_is_refused():
    x, targets = (one[:10] for one in running_sum())
    batcher = ost.data.ByLength(100, drop_last=True)
    with pytest.raises(ost.ConfigError, match=r"batch_size is ByLength\(100.*leaves out all 10 rows"):
        trainer().fit(x, targets, epochs=1, batch_size=batcher, progress=False)
    assert trainer().evaluate(x, targets, batch_size=batcher) == trainer().evaluate(x, targets)


def test_a_batcher_makes_the_batches():
    x, targets = running_sum()
    lengths, seen = ragged_lengths(), []

    class Watch:
        @ost.hookimpl
        def ostinato_batch_start(self, batch):
            seen.append(batch.lengths.tolist())

    def by_length(lengths):
        return np.array_split(np.argsort(lengths), 3)

    trainer(callbacks=[Watch()]).fit(x, targets, lengths=lengths, epochs=1, batch_size=by_length)
    assert [one for batch in seen for one in batch] == sorted(lengths.tolist())
    assert len(seen) == 3


def test_a_batcher_without_end_is_refused_at_its_first_repeated_row():
    x, targets = (one[:10] for one in running_sum())
    made: list[int] = []

    def endless(lengths):
        while len(made) < 100:
            made.append(1)
            yield np.arange(len(lengths))

    with pytest.raises(ost.ConfigError, match="has the place 0 of 10 in batches 2 times"):
        trainer().fit(x, targets, epochs=1, batch_size=endless, progress=False)
    assert len(made) == 2


def test_an_empty_batch_is_refused_so_that_empty_batches_without_end_are():
    x, targets = (one[:10] for one in running_sum())
    made: list[int] = []

    def endless(lengths):
        yield np.arange(5)
        while len(made) < 100:
            made.append(1)
            yield []

    for call in (
        lambda: trainer().fit(x, targets, epochs=1, batch_size=endless, progress=False),
        lambda: trainer().evaluate(x, targets, batch_size=endless),
    ):
        made.clear()
        with pytest.raises(ost.ConfigError, match=r"batch_size is .*, whose batch 1 is empty; .*leave out"):
            call()
        assert len(made) == 1
    model = ost.SequenceRegressor(batch_size=endless, hidden_size=4, max_iter=1)
    with pytest.raises(ost.ConfigError, match=r"batch_size is .*, whose batch 1 is empty"):
        model.fit(x, targets[:, -1, 0])


def test_a_lesson_without_rows_is_no_fault_of_a_batcher():
    class Empty(ost.Curriculum):
        name = "empty"

        def lesson(self, when, lengths):
            return ost.Lesson(rows=[])

    x, targets = (one[:10] for one in running_sum())
    with pytest.raises(ost.ConfigError, match="epoch 0: the data has no valid step"):
        trainer(strategies=[Empty()]).fit(
            x, targets, epochs=1, batch_size=lambda lengths: np.array_split(lengths, 3), progress=False
        )
