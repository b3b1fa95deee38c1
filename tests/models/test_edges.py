"""Numbers at the edge: constant targets, numbers that no network can read, series that begin late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.reading.scaling import Scaler

rng = np.random.default_rng(0)
X = [rng.normal(size=(5, 2)) for _ in range(20)]
FAST: dict[str, Any] = {"hidden_size": 4, "max_iter": 1, "random_state": 0}


@pytest.mark.parametrize("value", [0.0, 1e-6, -3e5, 1e-300])
def test_a_constant_target_is_predicted_exactly(value):
    y = np.stack([np.full(20, value), np.arange(20.0)], axis=1)
    found = ost.SequenceRegressor(**FAST).fit(X, y).predict(X)
    assert (found[:, 0] == value).all() and np.ptp(found[:, 1]) > 0


def test_a_target_that_was_constant_is_learned_once_it_changes():
    model = ost.SequenceRegressor(**FAST).partial_fit(X, [2.0] * 20)
    assert (model.predict(X) == 2.0).all()
    model.partial_fit(X, [1.0, 3.0] * 10)
    assert np.ptp(model.predict(X)) > 0


def test_targets_that_are_constant_in_the_training_part_alone_are_no_constant():
    groups = np.repeat([0, 1], 10)
    model = ost.SequenceRegressor(early_stopping=True, **FAST)
    model.fit(X, np.repeat([1.0, 2.0], 10), groups=groups)
    assert np.ptp(model.predict(X)) > 0


@pytest.mark.parametrize("constant", [True, False])
def test_the_size_of_held_out_answers_does_not_change_the_model(constant):
    groups = np.repeat([0, 1], 10)
    y = np.repeat([1.0, 2.0], 10) + (0 if constant else rng.normal(size=20))
    one = ost.SequenceRegressor(early_stopping=True, **FAST).fit(X, y, groups=groups)
    means = [y[groups == group].mean() for group in (0, 1)]
    held = groups != np.argmin(np.abs(np.array(means) - one._target_scaling.mean))
    other = ost.SequenceRegressor(early_stopping=True, **FAST).fit(
        X, np.where(held, 50 * y, y), groups=groups
    )
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


def test_a_held_out_number_that_is_too_large_is_an_error_of_the_fit():
    model = ost.SequenceRegressor(early_stopping=True, **FAST)
    with pytest.raises(ost.ConfigError, match=r"SequenceRegressor: X\[\d+\]\[1, 0\] is 1e\+300: too large"):
        model.fit(X[:10] + LARGE[3:4] * 10, np.arange(20.0), groups=np.repeat([0, 1], 10))


def test_a_feature_that_is_constant_is_generated_exactly():
    y = [np.stack([np.full(3, 1e-6), rng.normal(size=3)], axis=1) for _ in range(8)]
    model = ost.SequenceGenerator(**FAST).fit(None, y)
    assert all((one[:, 0] == 1e-6).all() for one in model.sample(2))
    assert np.isfinite(model.log_prob(None, y)).all()


def test_scaling_of_a_constant_is_equivariant():
    rows, other = [np.full((3, 1), 5.0)], [np.array([[6.0]])]
    one, thousand = Scaler.of(rows), Scaler.of([1000 * rows[0]])
    (wanted,) = one.apply("", other, "float64")
    (found,) = thousand.apply("", [1000 * other[0]], "float64")
    assert wanted == found == 0.2


LARGE = [one.copy() for one in X]
LARGE[3][1, 0] = 1e300
KINDS: dict[str, tuple[Any, Any]] = {
    "classifier": (ost.SequenceClassifier, ["a", "b"] * 10),
    "regressor": (ost.SequenceRegressor, np.arange(20.0)),
    "tagger": (ost.SequenceTagger, [["a", "b", "a", "b", "a"]] * 20),
    "seq2seq": (ost.Seq2Seq, ["ab", "ba"] * 10),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_that_is_too_large_for_the_network_is_an_error_that_names_it(kind):
    estimator, y = KINDS[kind]
    model = estimator(**FAST).fit(X, y)
    before = model.predict(X)
    message = (
        r"X\[3\]\[1, 0\] is 1e\+300: too large for the network \(at most 1e\+18 after scaling by [0-9.]+\); "
        "leave the row out, or rescale the column"
    )
    with pytest.raises(ost.ConfigError, match=message):
        model.predict(LARGE)
    np.testing.assert_array_equal(model.predict(X), before)
    estimator(**FAST).fit(LARGE, y)  # the scaling of training includes it


def test_large_numbers_of_a_context_of_a_stream_and_of_targets_are_named():
    contexts = rng.normal(size=(20, 2))
    with pytest.raises(ost.ConfigError, match=r"X\[0, 1\] is -1e\+300"):
        ost.SequenceGenerator(**FAST).fit(contexts, ["ab", "ba"] * 10).predict([[0.0, -1e300]])
    model = ost.SequenceRegressor(bidirectional=False, **FAST).fit(X, 1e-3 * np.arange(20.0))
    with pytest.raises(ost.ConfigError, match=r"ModelStream\.step: x\[0, 1\] is 1e\+300"):
        model.stream().step([[0.0, 1e300]])
    with pytest.raises(ost.ConfigError, match=r"SequenceRegressor: y\[2\] is 1e\+17"):
        model.partial_fit(X[:3], [0.0, 1.0, 1e17])


def test_steps_before_the_first_value_change_nothing_in_a_state_space():
    y = 5 + np.sin(np.arange(30.0)) + 0.1 * rng.normal(size=30)
    late = np.concatenate([np.full(7, np.nan), y])
    one, other = (ost.StateSpace(horizon=3, season=4).fit({"a": series}) for series in (y, late))
    assert one.predict_quantiles().tobytes() == other.predict_quantiles().tobytes()
    assert one.log_likelihood_.tobytes() == other.log_likelihood_.tobytes()


def test_a_state_space_is_equivariant_however_small_the_numbers_are():
    y = 5 + np.sin(np.arange(30.0))
    one, tiny = (
        ost.StateSpace(season=1, transform="none").fit({"a": s * y}).predict() for s in (1.0, 2.0**-40)
    )
    np.testing.assert_array_equal(one * 2.0**-40, tiny)  # powers of two round nothing
    with pytest.raises(ost.ConfigError, match=r"y\['a'\] has 1e\+300 at 30, a number above 1e\+18"):
        ost.StateSpace(season=1, transform="none").fit({"a": np.append(y, 1e300)})


@pytest.mark.parametrize("method", ["direct", "recursive", "auto"])
@pytest.mark.parametrize("transform", ["auto", "none"])
def test_a_constant_series_is_forecast_exactly(method, transform):
    steps = np.arange(24.0)
    series = {
        "a": np.full(24, 0.1),
        "b": 2.0 + np.sin(steps),
        "c": np.full(12, 3e5),
        "gaps": np.full(20, 7.3),
    }
    series["gaps"][[3, 11]] = np.nan
    given = {"horizon": 3, "hidden_size": 4, "max_iter": 1, "random_state": 0}
    model = ost.Forecaster(**given, method=method, transform=transform, season=4).fit(series)
    found = model.predict_quantiles()
    for place, value in ((0, 0.1), (2, 3e5), (3, 7.3)):
        assert (found[place] == value).all()
    assert not (found[1] == found[1, 0, 0]).all()
    if method != "direct":
        assert (model.sample(5, n=3)[0] == 0.1).all()
    assert (model.backtest({"a": [0.1, 0.1, 5.0]})[0][:3] == 0.1).all()
    model.update("a", [0.1, 5.0])
    assert not (model.predict()[0] == 0.1).any()


def test_a_few_equal_values_are_no_constant_series():
    steps = np.arange(24.0)
    model = ost.Forecaster(horizon=2, hidden_size=4, max_iter=1, random_state=0, season=4)
    model.fit({"a": np.sin(steps), "b": np.cos(steps)})
    for known in (2, 11):
        found = model.predict_quantiles(series=[[5.0] * known])[0]
        assert (np.diff(found, axis=1) > 0).any(), known
    # missing values are no evidence
    gaps = model.predict_quantiles(series=[[5.0, 5.0, *[np.nan] * 12, 5.0]])[0]
    assert (np.diff(gaps, axis=1) > 0).any()
    assert (model.predict_quantiles(series=[[5.0] * 12]) == 5.0).all()


def test_counts_that_were_constant_so_far_may_change():
    series = [np.full(20, 2.0), np.arange(20.0) % 4]
    model = ost.Forecaster(distribution="negative_binomial", hidden_size=4, max_iter=1, random_state=0)
    assert len(np.unique(model.fit(series).sample(1, n=50)[0])) > 1
