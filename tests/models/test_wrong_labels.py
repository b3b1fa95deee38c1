"""Labels of which none is a class, and numbers that are too large, are errors and no results."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost

FAST = {"max_iter": 1, "hidden_size": 4, "random_state": 0}
rng = np.random.default_rng(0)
X = [rng.normal(size=(4, 2)) for _ in range(8)]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["0", "1"] * 4, r"type str, the classes of int; the classes are \[0, 1\]"),
        ([5] * 8, r"y\[0\] is 5; the classes are"),
    ],
)
def test_a_score_needs_a_label_that_is_a_class(y, message):
    model = ost.SequenceClassifier(**FAST).fit(X, [0, 1] * 4)
    for call in (model.score, model.importance):
        with pytest.raises(ost.ConfigError, match=message):
            call(X, y)
    assert 0 <= model.score(X, [5] * 7 + [1]) <= 1
    tagger = ost.SequenceTagger(**FAST).fit(X, [[0, 1, 0, 1]] * 8)
    with pytest.raises(ost.ConfigError, match=message):
        tagger.score(X, [[y[0]] * 4] * 8)


ENDS = r"'up\\x00', which ends with NUL"


@pytest.mark.parametrize("kind", [list, lambda y: np.array(y, object)])
def test_labels_that_arrays_would_merge_are_refused(kind):
    rows = kind(["up", "up\0"] * 4)
    with pytest.raises(ost.ConfigError, match=rf"y\[1\] is {ENDS}"):
        ost.SequenceClassifier(**FAST).fit(X, rows)
    with pytest.raises(ost.ConfigError, match=rf"y\[0\]\[3\] is {ENDS}"):
        ost.SequenceTagger(**FAST).fit(X, [kind(["up", "down", "up", "up\0"])] * 8)
    with pytest.raises(ost.ConfigError, match=rf"X\[1\] is {ENDS}"):
        ost.SequenceGenerator(**FAST).fit(rows, ["ab"] * 8)
    with pytest.raises(ost.ConfigError, match=rf"the id {ENDS}"):
        ost.Forecaster(**FAST).fit({"up": np.arange(20.0), "up\0": np.arange(20.0)})


LARGE = "1e\\+300 at .*, a number above 1e\\+18"


def test_numbers_to_predict_have_a_limit():
    series = [10 + np.sin(np.arange(20.0))]
    model = ost.Forecaster(**FAST, season=1, horizon=1).fit(series)
    linear = ost.StateSpace(season=1, max_iter=1).fit(series)
    before = model.predict(), linear.predict()
    calls = [
        lambda: ost.Forecaster(**FAST).fit([np.append(series[0], 1e300)]),
        lambda: model.update(0, 1e300),
        lambda: model.backtest([[1e300]]),
        lambda: model.predict(series=[np.append(series[0], 1e300)]),
        lambda: ost.Forecaster(**FAST, horizon=1).fit(series, past=[np.append(series[0][1:], 1e300)]),
        lambda: ost.StateSpace().fit([[1e300, 2e300] * 5]),
        lambda: linear.update(0, 1e300),
        lambda: ost.SequenceGenerator(**FAST).fit(None, [[[1.0], [1e300]]] * 4),
    ]
    for call in calls:
        with pytest.raises(ost.ConfigError, match=LARGE):
            call()
    np.testing.assert_array_equal(model.predict(), before[0])
    np.testing.assert_array_equal(linear.predict(), before[1])
