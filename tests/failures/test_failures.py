"""An error at any point of a `fit` leaves everything as after the last whole update, and the run can go on.

`python -m tests.failures` tries every place; here some are drawn.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

import ostinato as ost
from tests.failures import check
from tests.failures.injector import InjectedError, Interrupt
from tests.failures.runs import TASKS, X
from tests.failures.state import differing, whole_state
from tests.training.tasks import running_sum, trainer

# An error in a destructor or a callback of C is one that Python prints and forgets.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TARGETS = running_sum(rows=8, steps=6)[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_an_error_at_any_point_leaves_everything_as_after_the_last_whole_update(name, tmp_path):
    expected = check.clean(name, tmp_path)
    rng = random.Random(3)
    points = expected.chosen(rng, most=40)
    kinds = [rng.choice([InjectedError, Interrupt]) for _ in points]
    wrong = [
        fault
        for at, kind in zip(points, kinds, strict=True)
        for fault in check.faults(name, tmp_path, expected, at, kind)
    ]
    assert wrong == []


def test_the_places_are_all_that_a_user_gives_and_the_engine(tmp_path):
    """Nothing of this list is listed for the injection: the places are found by running."""
    functions = {site.function for name in TASKS for site in check.clean(name, tmp_path).sites}
    for one in (
        *(
            "lesson",
            "pieces",
            "estimate",
            "feed",
            "__call__",
            "observe",
            "state_dict",
        ),  # strategies, schedules
        *("Network.value_and_grad", "Network.loss_value", "Network.run", "PlannedStep.check"),
        *(
            "PlannedStep.take",
            "square_sum",
            "finish",
            "update",
            "__iter__",
            "window",
            "counts",
        ),  # metrics, optimizers, data
        *(f"ostinato_{hook}" for hook in ("run_start", "epoch_start", "batch_start", "train_step", "save")),
        *(
            f"ostinato_{hook}"
            for hook in ("after_backward", "batch_end", "epoch_end", "should_stop", "run_end", "load")
        ),
    ):
        assert any(one == name.rpartition(".")[2] or one == name for name in functions), one


def test_a_broken_undo_is_found(tmp_path, monkeypatch):
    expected = check.clean("batches", tmp_path)
    points = expected.chosen(random.Random(0), most=25)
    monkeypatch.setattr("ostinato.training.undo.OptimizerSnapshot.put_back", lambda self, **_: None)

    def is_found(at):
        try:
            return bool(check.faults("batches", tmp_path, expected, at))
        except ost.OstinatoError:  # the run cannot go on
            return True

    assert any(map(is_found, points))


class Fails:
    """Fails in one hook, at its second call."""

    def __init__(self, hook):
        self.calls, self.armed = 0, True

        def fail():
            self.calls += 1
            if self.armed and self.calls == 2:
                raise RuntimeError("not today")

        setattr(self, hook, ost.hookimpl(fail))


def test_a_fit_that_fails_before_its_first_update_leaves_nothing():
    stopping = ost.EarlyStopping("loss", patience=4)
    fails = Fails("ostinato_run_start")
    made = trainer(callbacks=[stopping, fails], schedule=ost.schedules.Exponential(0.5))
    made.fit(X, TARGETS, epochs=2)
    before = whole_state(made)
    with pytest.raises(ost.PluginError):
        made.fit(X, TARGETS, epochs=1)
    assert differing(whole_state(made), before) == []
    bad = X.copy()
    bad[7, 5] = np.nan
    for call, error in (
        (lambda: made.fit(bad, TARGETS, epochs=1, batch_size=8), ost.NonFiniteError),
        (lambda: made.fit([(X, TARGETS[:, :-1])], epochs=1), ost.ShapeError),
        (lambda: made.fit([(X, TARGETS), 3], epochs=0, validation=[3]), None),
        (lambda: made.fit(X, TARGETS, epochs=1, resume="/no/such/file"), OSError),
    ):
        if error is None:
            call()
        else:
            with pytest.raises(error):
                call()
        assert made.history == ost.History(made.history.rows[:2])
    assert [row["lr"] for row in made.fit(X, TARGETS, epochs=1)] == [0.01, 0.005, 0.0025]


def test_a_run_that_was_stopped_stays_stopped_when_its_end_failed():
    class Stops:
        @ost.hookimpl
        def ostinato_should_stop(self, epoch):
            return epoch == 1

    class End:
        armed = True

        @ost.hookimpl
        def ostinato_run_end(self, run):
            if End.armed:
                raise RuntimeError("not today")
            run.net.arena[...] *= 2.0

    made, plain = trainer(callbacks=[Stops(), End()]), trainer(callbacks=[Stops()])
    with pytest.raises(ost.PluginError, match="run_end"):
        made.fit(X, TARGETS, epochs=9)
    End.armed = False
    made.fit(X, TARGETS, epochs=9, resume=True)
    plain.fit(X, TARGETS, epochs=9)
    assert made.history == plain.history
    assert np.array_equal(made.net.arena, 2.0 * plain.net.arena)


def test_a_state_that_its_owner_refuses_is_a_warning_and_the_error_stays():
    class Stubborn(ost.Schedule):
        def __call__(self, start, when):
            return start

        def load_state_dict(self, state):
            raise RuntimeError("never")

    made = trainer(schedule=Stubborn(), callbacks=[Fails("ostinato_batch_start")])
    with (
        pytest.warns(UserWarning, match="a state cannot be restored: RuntimeError: never"),
        pytest.raises(ost.PluginError, match="not today"),
    ):
        made.fit(X, TARGETS, epochs=1, batch_size=4)
    assert made.optimizer.steps == made.run.step == 1
