"""Sequences of symbols and of numbers for contexts: likelihoods, draws, ends, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.writing.ids import END, UNKNOWN, symbols_of
from ostinato.models.writing.with_end import WithEnd, density
from tests.models.table import LABELS, contexts, numbers_of, ramps, texts_of, words


def of_texts(**parameters: Any) -> Any:
    return texts_of(**{"random_state": 0, "hidden_size": 4, "max_iter": 1, **parameters})


def of_numbers(**parameters: Any) -> Any:
    return numbers_of(**{"random_state": 0, "hidden_size": 4, "max_iter": 1, **parameters})


def test_it_learns_what_a_label_means():
    X = ["up", "down"] * 20
    y = ["abcd" if one == "up" else "dcba" for one in X]
    model = of_texts(hidden_size=16, max_iter=60, learning_rate_init=1e-2).fit(X, y)
    assert model.predict(["down", "up"]) == ["dcba", "abcd"]
    assert model.sample(["up"] * 3, temperature=0.0) == ["abcd"] * 3
    # nats per step: without the label the first of five steps would cost log(2), which is 0.14 per step
    assert model.score(X, y) > -0.1


def test_it_learns_numbers_and_when_they_end():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, size=(80, 2))
    y = [slope * np.arange(int(4 * steps))[:, None] for slope, steps in X]
    model = of_numbers(hidden_size=32, max_iter=120, embedding_size=16, learning_rate_init=1e-2).fit(X, y)
    found = model.predict([[2.6, 1.4], [1.4, 2.6]])
    # the lengths are 5 and 10; without the context both would be the mean, near 8
    assert 3 < len(found[0]) < 8 < len(found[1]) < 15
    for numbers, slope in zip(found, (2.6, 1.4), strict=True):
        # without the context the slope would be the mean, 2.0, and the fourth number 1.8 away
        assert np.abs(numbers[:4, 0] - slope * np.arange(4)).max() < 0.5
    cold = model.sample([[2.6, 1.4]], temperature=0.0)
    assert np.array_equal(cold[0], found[0])


def test_draws_are_as_frequent_as_their_probabilities_say():
    X, y = ["x", "y"] * 12, ["ab", "b", "ba", "aa"] * 6
    model = of_texts(max_iter=60, learning_rate_init=1e-2).fit(X, y)
    drawn = model.sample(["x"] * 3000, seed=5)
    for text in ("ab", "ba"):
        (chance,) = np.exp(model.log_prob(["x"], [text]))
        seen = np.mean([one == text for one in drawn])
        # four deviations, and what the unknown symbol, which is never drawn, takes away
        assert chance > 0.1 and abs(seen - chance) < 4 * np.sqrt(chance * (1 - chance) / 3000) + 0.01


def test_numbers_are_drawn_with_the_deviation_that_was_learned():
    rng = np.random.default_rng(0)
    y = [5.0 + 0.5 * rng.normal(size=(1, 1)) for _ in range(200)]
    model = of_numbers(max_iter=30, learning_rate_init=5e-2, batch_size=25).fit(None, y)
    drawn = np.concatenate(model.sample(2000, seed=3))
    # of 200 values the mean has an error of 0.04, the deviation one of 0.025; four of them are allowed
    assert drawn.mean() == pytest.approx(5.0, abs=0.15) and drawn.std() == pytest.approx(0.5, abs=0.1)
    halved = np.concatenate(model.sample(2000, seed=3, temperature=0.5))
    # a deviation of 2,000 values has an error of 1.6 %, a ratio of two of them 2.2 %; four are allowed
    assert halved.std() == pytest.approx(drawn.std() / 2, rel=0.1)


def test_the_loss_of_numbers_is_their_density():
    rng = np.random.default_rng(0)
    outputs, targets = rng.normal(size=(5, 7)), rng.normal(size=(5, 4))
    targets[:, 3] = [0, 0, 0, 0, 1]
    net = ost.Sequential(ost.Dense(7, 7, dtype="float64"))
    for name, one in net.parameters().items():
        one[...] = np.eye(7) if "weight" in name else 0.0
    loss, _ = net.value_and_grad(outputs[None], targets[None], loss=WithEnd(), reduction="sum")
    # both in float64, in another order
    assert loss == pytest.approx(-density(outputs, targets), rel=1e-12)
    assert ost.testing.check(WithEnd, "quick", kind="loss").ok


def test_the_density_is_that_of_the_units_of_y():
    model = of_numbers(max_iter=3).fit(contexts(), ramps())
    scaled = of_numbers(max_iter=3).fit(contexts(), [1000 * row for row in ramps()])
    found = model.log_prob(contexts(), ramps())
    other = scaled.log_prob(contexts(), [1000 * row for row in ramps()])
    steps = np.array([len(row) for row in ramps()])
    # scaled targets differ by a rounding of float32, 6e-8, at most; three epochs may make more of it
    assert other == pytest.approx(found - steps * np.log(1000), abs=1e-4)
    # the sum of the same float64 numbers: 1e-6 of pytest is enough
    assert model.score(contexts(), ramps()) == pytest.approx(found.sum() / steps.sum())


@pytest.mark.parametrize("kind", [of_texts, of_numbers])
def test_draws_have_a_seed_and_do_not_depend_on_the_rows_behind(kind):
    X = contexts(6, seed=3)
    model = kind(max_iter=2).fit(contexts(), words() if kind is of_texts else ramps())
    first = model.sample(X, seed=1)
    for other, same in ((model.sample(X, seed=1), True), (model.sample(X, seed=2), False)):
        assert all(map(np.array_equal, first, other)) == same
    assert all(map(np.array_equal, first[:2], model.sample(X[:2], seed=1)))


def test_without_a_context_the_number_of_sequences_is_given():
    model = of_texts(max_iter=3).fit(None, words())
    assert len(model.predict(3)) == 3 and len(model.sample(4, seed=0)) == 4
    assert model.log_prob(None, words()).shape == (24,)
    with pytest.raises(ost.DTypeError, match="expected the number of sequences"):
        model.predict(None)
    with pytest.raises(ost.ConfigError, match="fitted without a context"):
        model.score(LABELS, words())
    of_both = of_numbers(max_iter=1).fit(None, ramps())
    assert len(of_both.sample(2)) == 2


def test_a_search_for_texts_compares_lengths_as_length_penalty_says():
    model = of_texts(beam_size=20, max_length=9, max_iter=3)
    model.fit(None, ["y", "y", "y", "abcdefg", "abcdefg"] * 4)
    options: dict[str, Any] = {"begin": np.full(1, END), "end": END, "max_length": 10, "ban": [UNKNOWN]}
    found = {}
    for power in (0.0, 1.0, 2.0):
        (found[power],) = model.set_params(length_penalty=power).predict(1)
        penalty = ost.LengthNorm(power) if power else None  # a penalty of 0 is none
        (best,) = model.network_.decode(None, **options, beam=20, penalty=penalty)[0]
        assert "".join(symbols_of(model._answers, best.tokens[:-1])) == found[power]
    assert len(found[0.0]) < len(found[2.0])
    with pytest.raises(ost.ConfigError, match=r"SequenceGenerator\.predict: length_penalty is -1"):
        model.set_params(length_penalty=-1.0).predict(1)
    with pytest.raises(ost.ConfigError, match="beam_size is 1001; expected at most 1000"):
        model.set_params(length_penalty=0.0, beam_size=1001).predict(1)


def test_numbers_have_no_search_and_refuse_a_length_penalty():
    with pytest.raises(ost.ConfigError, match=r"length_penalty is 0\.6, but y holds numbers"):
        of_numbers(length_penalty=0.6).fit(contexts(), ramps())
    model = of_numbers().fit(contexts(), ramps())
    with pytest.raises(ost.ConfigError, match=r"predict: length_penalty is 0\.6"):
        model.set_params(length_penalty=0.6).predict(contexts())


def test_strategies_that_feed_ids_need_symbols():
    model = of_texts(max_iter=2, strategies=["scheduled_sampling"]).fit(LABELS, words())
    assert len(model.predict(LABELS[:2])) == 2
    assert len(of_texts(strategies=["reinforce"]).fit(LABELS, words()).predict(LABELS[:2])) == 2
    with pytest.raises(ost.ConfigError):
        of_numbers(strategies=["scheduled_sampling"]).fit(contexts(), ramps())


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (contexts(), ramps()[:-1], "X has 24 sequences, y has 23"),
        ([[1.0, np.nan]], ["ab"], r"X\[0\] has nan \(NaN or inf\) in column 1"),
        ([[1.0], [2.0]], ["ab", ""], r"y\[1\] is empty"),
        ([[1.0]], "ab", "y is the text 'ab'"),
        ([[1.0]], [np.array([[1.0], [np.inf]])], r"y\[0\] has inf \(NaN or inf\) at step 1, feature 0"),
        ([[1.0]], [np.ones((0, 1))], r"y\[0\] has no step"),
        ([None], ["ab"], r"X\[0\] is None"),
        ([], [], "0 sample"),
        (np.ones((1, 2, 2)), ["ab"], r"X is \(1, 2, 2\)"),
        ([[1.0]], None, "y"),
        ("ab", ["ab"], "X"),
    ],
)
def test_bad_input_names_row_and_column(X, y, said):
    with pytest.raises(ost.OstinatoError, match=said):
        of_texts().fit(X, y)


def test_whole_numbers_are_symbols_and_floats_are_numbers():
    counts = np.tile([10, 20, 30], (12, 1))
    assert of_numbers().fit(None, counts).predict(1)[0].__class__ is list
    assert of_numbers().fit(None, counts.astype(float)).predict(1)[0].shape[1] == 1


def test_other_data_than_that_of_training_is_refused():
    texts = of_texts().fit(LABELS, words())
    with pytest.raises(ost.ConfigError, match=r"X\[0\] is 'foggy', which is no class of the first fit"):
        texts.sample(["foggy"])
    with pytest.raises(ost.ConfigError, match="y holds numbers; the first fit had symbols"):
        texts.score(LABELS, ramps())
    numbers = of_numbers().fit(contexts(), ramps())
    with pytest.raises(ost.ShapeError, match="X has 3 columns; the first fit had 2"):
        numbers.predict(np.ones((2, 3)))
    with pytest.raises(ost.ConfigError, match="top_k is 3, but numbers are drawn"):
        numbers.sample(contexts(), top_k=3)
    with pytest.raises(ost.ConfigError, match="temperature"):
        numbers.sample(contexts(), temperature=-1.0)
