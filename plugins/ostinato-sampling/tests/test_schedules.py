"""The probability of truth: both schedules against their formulas, and the coins."""

import json

import numpy as np
import pytest
from ostinato_sampling import FreeRunning, ScheduledSampling

import ostinato as ost

UPDATES = (0, 1, 7, 40, 1000)


def probabilities(made, updates=UPDATES):
    return [made.probability(ost.Moment(step=step)) for step in updates]


@pytest.mark.parametrize(
    ("options", "formula"),
    [
        ({"decay": "linear", "k": 50}, lambda i: max(0.0, 1 - i / 50)),
        (
            {"decay": "linear", "k": 50, "start": 0.8, "floor": 0.3},
            lambda i: max(0.3, 0.8 * max(0, 1 - i / 50)),
        ),
        ({"decay": "exponential", "k": 0.97}, lambda i: 0.97**i),
        ({"decay": "inverse_sigmoid", "k": 12}, lambda i: 12 / (12 + np.exp(i / 12))),
        ({"decay": "constant", "start": 0.75}, lambda i: 0.75),
    ],
)
def test_the_probability_of_an_update_is_the_formula(options, formula):
    """S22, along training."""
    assert probabilities(ScheduledSampling(**options)) == pytest.approx(
        [formula(i) for i in UPDATES], abs=1e-15
    )


def test_the_probability_along_the_sequence_is_the_formula():
    """S22, along the sequence: eps0 * lambda ** t, at every update."""
    made = ScheduledSampling("constant", start=0.9, along=0.8)
    for when in (ost.Moment(), ost.Moment(step=100)):
        assert made.probabilities(when, 6) == pytest.approx([0.9 * 0.8**t for t in range(6)])
    both = ScheduledSampling("exponential", 0.5, along=0.8)
    assert both.probabilities(ost.Moment(step=3), 4) == pytest.approx([0.5**3 * 0.8**t for t in range(4)])


def test_without_k_the_line_ends_with_the_fit():
    made = ScheduledSampling()
    assert [made.probability(ost.Moment(done=done)) for done in (0, 0.25, 1.0)] == [1, 0.75, 0]


def test_no_update_is_too_late_for_the_inverse_sigmoid():
    assert ScheduledSampling("inverse_sigmoid", k=1.0).probability(ost.Moment(step=10**6)) == 0


def test_coins_are_fair_for_each_row_and_step():
    """S21: the count of truths of each row and of each step lies within 4.5 standard deviations."""
    rows, steps, p = 400, 300, 0.3
    coins = ScheduledSampling("constant", start=p).coins(ost.Moment(seed=5), np.arange(rows), steps)
    assert coins.shape == (rows, steps) and coins.dtype == bool
    for axis, trials in ((0, rows), (1, steps)):
        off = (coins.sum(axis) - trials * p) / np.sqrt(trials * p * (1 - p))
        assert np.abs(off).max() < 4.5, axis
        assert 0.8 < off.std() < 1.2, axis  # neither the rows nor the steps share coins
    assert ScheduledSampling("constant", start=1.0).coins(ost.Moment(), np.arange(9), 30).all()
    assert not ScheduledSampling("constant", start=0.0).coins(ost.Moment(), np.arange(9), 30).any()


def test_the_coins_of_a_row_depend_on_neither_the_other_rows_nor_padding():
    made, when = ScheduledSampling("constant", start=0.5), ost.Moment(step=4, seed=2)
    coins = made.coins(when, [7, 3, 900_000], 40)
    assert np.array_equal(made.coins(when, [3], 25)[0], coins[1, :25])
    assert np.array_equal(made.coins(when, [900_000, 7], 40), coins[[2, 0]])
    for other in (ost.Moment(step=5, seed=2), ost.Moment(step=4, seed=3)):
        assert not np.array_equal(made.coins(other, [7, 3, 900_000], 40), coins)


@pytest.mark.parametrize("options", [*ScheduledSampling.examples, {}, {"decay": "constant", "k": None}])
def test_options_make_the_same_again(options):
    made = ScheduledSampling(**options)
    again = ScheduledSampling(**json.loads(json.dumps(made.options)))
    assert again.options == made.options and {"decay", "k"} <= set(made.options)
    assert probabilities(again) == probabilities(made)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decay": "cosine"}, "decay is 'cosine'; expected one of 'linear'"),
        ({"decay": "constant", "k": 3}, "k is 3; expected None with decay='constant'"),
        ({"decay": "exponential"}, "k is None; expected a number between 0 and 1"),
        ({"decay": "exponential", "k": 1.0}, "k is 1.0"),
        ({"decay": "inverse_sigmoid", "k": 0.5}, "k is 0.5; expected a number from 1"),
        ({"decay": "inverse_sigmoid"}, "k is None"),
        ({"k": 0}, "k is 0"),
        ({"k": float("nan")}, "k is nan"),
        ({"k": float("inf")}, "k is inf"),
        ({"k": True}, "k is True"),
        ({"start": 1.5}, "start is 1.5; expected a probability"),
        ({"floor": -0.1}, "floor is -0.1"),
        ({"along": "half"}, "along is 'half'"),
        ({"temperature": -1}, "temperature is -1"),
        ({"flor": 0.1}, "did you mean 'floor'"),
    ],
)
def test_a_bad_option_is_named(options, message):
    with pytest.raises(ost.ConfigError, match=message):
        ScheduledSampling(**options)


def test_an_option_that_is_set_badly_later_is_named_too():
    made = ScheduledSampling(k=5)
    made.start = 2
    with pytest.raises(ost.ConfigError, match="start is 2"):
        made.feed(ost.Batch(np.zeros((1, 3), int), np.zeros((1, 3), int)), ost.Moment())
    with pytest.raises(ost.ConfigError, match="temperature is 'hot'"):
        FreeRunning("hot")
