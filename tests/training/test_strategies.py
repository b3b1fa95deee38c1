"""Each role does its part, alone against a scripted core and together in a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.specs import ROLES
from ostinato.strategies import AllRows, Checkpointed, Full, Local, TeacherForcing, Truncated
from ostinato.strategy import Core
from ostinato.testing import ScriptedCore
from tests.training.tasks import network, running_sum, trainer

X, TARGETS = running_sum()


@pytest.mark.parametrize(
    ("estimator", "way"),
    [
        (Full(), ost.FullBPTT()),
        (Truncated(2), ost.TruncatedBPTT(2, 2)),
        (Truncated(2, 6), ost.TruncatedBPTT(2, 6)),
        (Checkpointed(), ost.CheckpointedBPTT("sqrt")),
        (Checkpointed("1MB"), ost.CheckpointedBPTT("1MB")),
    ],
)
def test_an_estimator_calls_the_core_once_per_piece_and_returns_its_result(estimator, way):
    core, batch = ScriptedCore(0.25), ost.Batch(X, TARGETS)
    (piece,) = estimator.pieces(batch)
    loss, _ = estimator.estimate(core, piece)
    assert loss == 0.25
    assert core.calls == [(batch, way)]


def test_pieces_of_a_long_batch_are_windows_that_carry_the_state():
    lengths = np.array([7, 5, 2])
    batch = ost.Batch(X[:3], TARGETS[:3], lengths, weights=np.ones((3, 7)))
    pieces = list(Truncated(3, update_every=3).pieces(batch))
    assert [piece.carries for piece in pieces] == [False, True, True]
    assert [piece.lengths.tolist() for piece in pieces] == [[3, 3, 2], [3, 2, 0], [1, 0, 0]]
    for name in ("x", "targets", "weights"):
        joined = np.concatenate([getattr(piece, name) for piece in pieces], axis=1)
        assert np.array_equal(joined, getattr(batch, name))
    ragged = ost.Batch([row[:n] for row, n in zip(X[:3], lengths, strict=True)], [*TARGETS[:3]])
    cut = list(Truncated(3, update_every=3).pieces(ragged))
    assert [[len(row) for row in piece.x] for piece in cut] == [[3, 3, 2], [3, 2, 0], [1, 0, 0]]
    assert sum(piece.count for piece in pieces) == sum(piece.count for piece in cut) == 14


def test_pieces_have_their_part_of_the_mask():
    lengths = np.array([7, 5, 2])
    mask = np.random.default_rng(0).random((3, 7)) < 0.6
    count = (mask & (np.arange(7) < lengths[:, None])).sum()
    rows = [row[:n] for row, n in zip(X[:3], lengths, strict=True)]
    of_rows = [row[:n] for row, n in zip(mask, lengths, strict=True)]
    turned = [array.swapaxes(0, 1) for array in (X[:3], TARGETS[:3], mask)]
    for batch in (
        ost.Batch(X[:3], TARGETS[:3], lengths, mask=mask),
        ost.Batch(X[:3], TARGETS[:3], lengths, weights=np.where(mask, 1.0, -1.0), mask=mask),
        ost.Batch(rows, [*TARGETS[:3]], mask=of_rows),
        ost.Batch(rows, [*TARGETS[:3]], mask=mask),
        ost.Batch(turned[0], turned[1], lengths, mask=turned[2], batch_first=False),
    ):
        pieces = list(Truncated(3, update_every=3).pieces(batch))
        assert batch.count == sum(piece.count for piece in pieces) == count
        assert np.array_equal(np.concatenate([piece.valid for piece in pieces], axis=1), batch.valid)


def test_update_every_must_keep_windows_whole():
    with pytest.raises(ost.ConfigError, match="update_every is 5; expected a multiple of k1 = 2"):
        Truncated(2, update_every=5)
    with pytest.raises(ost.ConfigError, match="k2 is 1"):
        Truncated(2, 1)


def test_all_rows_come_once_and_depend_on_seed_and_epoch():
    lengths = np.arange(50)
    lesson = AllRows().lesson(ost.Moment(epoch=3, seed=1), lengths)
    assert sorted(lesson.rows) == list(range(50))
    assert lesson.steps is None
    assert np.array_equal(lesson.rows, AllRows().lesson(ost.Moment(epoch=3, seed=1), lengths).rows)
    for other in (ost.Moment(epoch=4, seed=1), ost.Moment(epoch=3, seed=2)):
        assert not np.array_equal(lesson.rows, AllRows().lesson(other, lengths).rows)
    everything = AllRows().lesson(ost.Moment(), None)
    assert everything.rows is None and everything.steps is None


def test_teacher_forcing_and_local_change_nothing():
    batch, core = ost.Batch(X, TARGETS), ScriptedCore()
    assert TeacherForcing().feed(batch, ost.Moment()) is batch
    assert Local().core(core) is core


def test_a_lesson_chooses_rows_order_and_steps():
    class Backwards(ost.Curriculum):
        def lesson(self, when, lengths):
            return ost.Lesson(np.array([4, 2]), steps=when.epoch + 1)

    seen: list[Any] = []

    class Watch:
        @ost.hookimpl
        def ostinato_batch_start(self, batch):
            seen.append((batch.x[:, 0, 0].tolist(), batch.steps))

    made = trainer(strategies=[Backwards()], callbacks=[Watch()])
    made.fit(X, TARGETS, epochs=2, batch_size=1)
    first = X[:, 0, 0].tolist()
    assert seen == [([first[4]], 1), ([first[2]], 1), ([first[4]], 2), ([first[2]], 2)]


@pytest.mark.parametrize("rows", [[10], [-1], [[0]], [0.5]])
def test_a_lesson_with_rows_that_are_none_is_refused(rows):
    class Wrong(ost.Curriculum):
        def lesson(self, when, lengths):
            return ost.Lesson(np.array(rows))

    with pytest.raises(ost.ConfigError, match=r"rows .*expected integers"):
        trainer(strategies=[Wrong()]).fit(X, TARGETS, epochs=1)


def test_a_lesson_of_an_iterable_sets_steps_and_no_rows():
    class Short(ost.Curriculum):
        def lesson(self, when, lengths):
            assert lengths is None
            return ost.Lesson(rows, steps=3)

    rows: Any = None
    made = trainer(strategies=[Short()])
    nets = made.net, network()
    made.fit([(X, TARGETS)], epochs=1)
    trainer(nets[1]).fit([(X[:, :3], TARGETS[:, :3])], epochs=1)
    assert np.array_equal(nets[0].arena, nets[1].arena)
    rows = np.array([0])
    with pytest.raises(ost.ConfigError, match="iterable of batches"):
        trainer(strategies=[Short()]).fit([(X, TARGETS)], epochs=1)


def test_a_feeding_sets_the_mask_and_a_network_that_cannot_honour_it_says_so():
    class Sometimes(ost.Feeding):
        def feed(self, batch, when):
            return batch.replace(truth=when.rng("sometimes").random((batch.rows, batch.steps)) < 0.5)

    batch = ost.Batch(X, TARGETS)
    first = Sometimes().feed(batch, ost.Moment(step=3)).truth
    assert np.array_equal(first, Sometimes().feed(batch, ost.Moment(step=3)).truth)
    assert not np.array_equal(first, Sometimes().feed(batch, ost.Moment(step=4)).truth)
    with pytest.raises(ost.ConfigError, match="does not read its own output"):
        trainer(strategies=[Sometimes()]).fit(X, TARGETS, epochs=1)


def test_a_feeding_without_an_effect_is_refused():
    class Draws(ost.Estimator):
        name = "draws"
        samples = True

        def __init__(self, likelihood: float = 0.0) -> None:
            self.likelihood = likelihood

    class Also(Draws):
        name = "also"

        @property
        def uses_loss(self) -> bool:
            return self.likelihood > 0

    class Truth(ost.Feeding):
        name = "truth"

    words = r"strategies has Truth\(\) and (Draws|Also)\(.*no effect; omit one of them, or let the estimator"
    for one in (Draws(), Draws(0.5), Also()):
        with pytest.raises(ost.ConfigError, match=words):
            trainer(strategies=[Truth(), one])
        trainer(strategies=[TeacherForcing(), one])
    one = Also(0.5)
    made = trainer(strategies=[Truth(), one])
    one.likelihood = 0.0
    with pytest.raises(ost.ConfigError, match=words):
        made.fit(X, TARGETS, epochs=1)
    assert made.run.step == 0
    trainer(strategies=[Truth(), Full()])


def test_an_execution_wraps_the_core():
    class Doubled(ost.Execution):
        def core(self, local: Core) -> Core:
            class Twice:
                def value_and_grad(self, batch: ost.Batch, through_time: Any = None) -> Any:
                    loss, grads = local.value_and_grad(batch, through_time)
                    grads.arena[:] *= 2.0
                    return loss, grads

            return Twice()

    nets = network(), network()
    trainer(nets[0], optimizer=ost.SGD(0.2), clip_norm=None).fit(X, TARGETS, epochs=1)
    made = trainer(nets[1], optimizer=ost.SGD(0.1), clip_norm=None, strategies=[Doubled()])
    made.fit(X, TARGETS, epochs=1)
    # 0.2 * g and 0.1 * (2 g) in float32.
    assert np.allclose(nets[0].arena, nets[1].arena, rtol=1e-5, atol=1e-7)


def test_every_role_has_a_default_and_built_ins_have_names():
    made = trainer().strategies
    assert tuple(one.role for one in made) == ROLES
    assert [one.name for one in made] == ["all", "teacher_forcing", "full", "local"]
    names = {"all", "teacher_forcing", "full", "truncated", "checkpointed", "local"}
    assert names <= set(ost.plugins.list("strategy"))


@pytest.mark.parametrize(
    ("base", "call"),
    [
        (ost.Curriculum, lambda one: one.lesson(ost.Moment(), None)),
        (ost.Feeding, lambda one: one.feed(ost.Batch(X, TARGETS), ost.Moment())),
        (ost.Estimator, lambda one: one.estimate(ScriptedCore(), ost.Batch(X, TARGETS))),
        (ost.Execution, lambda one: one.core(ScriptedCore())),
    ],
)
def test_a_strategy_without_its_method_says_what_to_write(base, call):
    made = type("Mine", (base,), {})()
    assert made.state_dict() == {}
    with pytest.raises(ost.ConfigError, match=r"'mine' has no \w+; write "):
        call(made)
    with pytest.raises(ost.ConfigError, match="keeps no state"):
        made.load_state_dict({"a": 1})


def test_a_registered_strategy_must_be_of_the_role_it_declares():
    ost.register(ost.StrategySpec("pretender", Full, role="feeding"))
    with pytest.raises(ost.DTypeError, match="base of its role 'feeding'"):
        trainer(strategies=["pretender"])
