"""Schedules are their formulas."""

from __future__ import annotations

import math

import pytest

import ostinato as ost
from ostinato.schedules import Cosine, Exponential, Plateau, Step, TimeBased, WarmUp
from tests.training.tasks import running_sum, trainer

# schedule, moments, the values of a start of 0.5
CASES = {
    "time based": (
        TimeBased(0.5),
        [ost.Moment(epoch=e) for e in (0, 1, 4)],
        [0.5, 0.5 / 1.5, 0.5 / 3],
    ),
    "exponential": (Exponential(0.9), [ost.Moment(epoch=e) for e in (0, 1, 4)], [0.5, 0.45, 0.5 * 0.9**4]),
    "step": (Step(3, factor=0.5), [ost.Moment(epoch=e) for e in (0, 2, 3, 6)], [0.5, 0.5, 0.25, 0.125]),
    "cosine": (Cosine(), [ost.Moment(done=d) for d in (0, 0.25, 0.5, 1)], [0.5, 0.5 * 0.853553, 0.25, 0.0]),
    "cosine with a floor": (Cosine(floor=0.2), [ost.Moment(done=d) for d in (0, 0.5, 1)], [0.5, 0.3, 0.1]),
    "warm-up": (WarmUp(4), [ost.Moment(step=s) for s in (0, 1, 3, 9)], [0.125, 0.25, 0.5, 0.5]),
    "warm-up to another": (
        WarmUp(2, then=Exponential(0.5)),
        [ost.Moment(step=s, epoch=e) for s, e in ((0, 0), (1, 0), (5, 2))],
        [0.25, 0.5, 0.125],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_schedule_is_its_formula(case):
    schedule, moments, values = CASES[case]
    # 0.853553 is given to six digits.
    assert [schedule(0.5, when) for when in moments] == pytest.approx(values, rel=1e-6, abs=1e-15)


def test_plateau_drops_after_patience_epochs_without_progress_and_goes_on_from_its_state():
    schedule, values = Plateau("loss", factor=0.5, patience=2, min_delta=0.1), []
    for loss in (3.0, 2.0, 1.95, 1.92, 1.0, 1.0, 1.0, 1.0, 1.0):
        schedule.observe({"loss": loss})
        again = Plateau("loss", factor=0.5, patience=2, min_delta=0.1)
        again.load_state_dict(schedule.state_dict())
        schedule = again
        values.append(schedule(1.0, ost.Moment()))
    assert values == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_plateau_may_watch_what_should_rise_and_names_what_is_not_measured():
    schedule = Plateau("val_accuracy", patience=1, mode="max")
    for accuracy in (0.5, 0.6, 0.6):
        schedule.observe({"val_accuracy": accuracy})
    assert schedule(1.0, ost.Moment()) == pytest.approx(0.1)
    with pytest.raises(ost.ConfigError, match="did you mean 'val_acuracy'"):
        schedule.observe({"val_acuracy": 1.0})


def test_warm_up_passes_news_and_state_on():
    schedule = WarmUp(1, then=Plateau("loss", patience=1, factor=0.5))
    for _ in range(2):
        schedule.observe({"loss": 1.0})
    again = WarmUp(1, then=Plateau("loss", patience=1, factor=0.5))
    again.load_state_dict(schedule.state_dict())
    assert again(1.0, ost.Moment()) == 0.5


def test_every_built_in_schedule_has_a_name():
    names = ("cosine", "exponential", "plateau", "step", "time_based", "warm_up")
    assert set(names) <= set(ost.plugins.list("schedule"))


def test_a_schedule_of_ones_own_has_a_name_in_a_run():
    @ost.register
    class Sawtooth(ost.Schedule):
        """Falls within each three epochs and begins again."""

        def __call__(self, start, when):
            return start / (1 + when.epoch % 3)

    ost.register(ost.ScheduleSpec("constant", lambda: lambda start, when: start))
    x, targets = running_sum()
    for name, expected in (("sawtooth", [0.01, 0.005, 0.01 / 3, 0.01]), ("constant", [0.01] * 4)):
        assert trainer(schedule=name).fit(x, targets, epochs=4)["lr"] == expected


def test_a_schedule_that_leads_nowhere_is_an_error_of_its_step():
    x, targets = running_sum()
    made = trainer(schedule=lambda start, when: -start)
    before = made.net.arena.copy()
    with pytest.raises(ost.ConfigError, match=r"the value of schedule is -0\.01"):
        made.fit(x, targets, epochs=1)
    assert (made.net.arena == before).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TimeBased(-1), "decay is -1"),
        (lambda: Exponential(0), "decay is 0"),
        (lambda: Step(0), "every is 0"),
        (lambda: Cosine(floor=-1), "floor is -1"),
        (lambda: WarmUp(0), "steps is 0"),
        (lambda: WarmUp(1, then=3), "then is 3"),
        (lambda: Plateau(patience=0), "patience is 0"),
        (lambda: Plateau(mode="low"), "mode is 'low'"),
        (lambda: Cosine().load_state_dict({"best": 1.0}), "keeps no state"),
        (lambda: Plateau().load_state_dict({}), "expected best, drops, waited"),
        (lambda: ost.Schedule()(1.0, ost.Moment()), "write __call__"),
    ],
)
def test_a_bad_option_is_named(make, message):
    with pytest.raises(ost.ConfigError, match=message):
        make()


def test_cosine_ends_where_it_says():
    assert math.isclose(Cosine(floor=0.1)(1.0, ost.Moment(done=1.0)), 0.1)
