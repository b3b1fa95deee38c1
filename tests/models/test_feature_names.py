"""Tables with the columns of fit in another order are errors, in every estimator and every argument."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost

pandas = pytest.importorskip("pandas", reason="pandas is not installed; the extra [test] has it")

ORDER = "must be in the same order as they were in fit"
FAST = {"max_iter": 1, "hidden_size": 4, "random_state": 0}
rng = np.random.default_rng(0)


def table(names: str, rows: int) -> object:
    return pandas.DataFrame(rng.normal(size=(rows, len(names))), columns=list(names))


def test_contexts_of_a_generator_have_the_columns_of_fit(tmp_path):
    x, y = table("ab", 6), [rng.normal(size=(3, 1)) for _ in range(6)]
    model = ost.SequenceGenerator(**FAST).fit(x, y)
    model.save(tmp_path / "model.ost")
    for one in (model, ost.load(tmp_path / "model.ost")):
        for call in (lambda g: g.log_prob(x[["b", "a"]], y), lambda g: g.predict(x[["b", "a"]])):
            with pytest.raises(ost.ConfigError, match=ORDER):
                call(one)
        with pytest.raises(ost.ConfigError, match="unseen at fit time:\n- c"):
            one.sample(x.rename(columns={"b": "c"}))
        np.testing.assert_array_equal(one.log_prob(x, y), one.log_prob(x.to_numpy(), y))
    with pytest.raises(ost.ConfigError, match=ORDER):
        ost.SequenceGenerator(**FAST).fit(x, y).partial_fit(x[["b", "a"]], y)


def test_answers_of_a_generator_have_the_columns_of_fit():
    y = [table("ab", 3) for _ in range(6)]
    model = ost.SequenceGenerator(**FAST).fit(None, y)
    with pytest.raises(ost.ConfigError, match=ORDER):
        model.log_prob(None, [one[["b", "a"]] for one in y])


def test_sources_of_seq2seq_have_the_columns_of_fit(tmp_path):
    x, y = [table("ab", 3) for _ in range(4)], ["ab", "ba", "ab", "ba"]
    model = ost.Seq2Seq(**FAST).fit(x, y)
    model.save(tmp_path / "model.ost")
    other = [one[["b", "a"]] for one in x]
    for one in (model, ost.load(tmp_path / "model.ost")):
        for call in (lambda m: m.predict(other), lambda m: m.log_prob(other, y), lambda m: m.score(other, y)):
            with pytest.raises(ost.ConfigError, match=ORDER):
                call(one)
        one.predict(x)


def test_covariates_have_the_columns_of_fit(tmp_path):
    ids, steps = ["u", "v"], 12
    series = {one: rng.normal(size=steps) for one in ids}
    past = {one: table("pq", steps) for one in ids}
    future = {one: table("hw", steps + 3) for one in ids}
    static = pandas.DataFrame({"size": [1.0, 2.0], "age": [3.0, 5.0]}, index=ids)
    model = ost.Forecaster(**FAST, horizon=2, season=1, method="direct")
    model.fit(series, past=past, future=future, static=static)
    model.save(tmp_path / "model.ost")
    given = {"past": past, "future": future, "static": static}
    turned = {
        "past": {one: part[["q", "p"]] for one, part in past.items()},
        "future": {one: part[["w", "h"]] for one, part in future.items()},
        "static": static[["age", "size"]],
    }
    for one in (model, ost.load(tmp_path / "model.ost")):
        one.predict(series=series, **given)
        for name, part in turned.items():
            with pytest.raises(ost.ConfigError, match=rf"{ORDER}\.\nThe columns of {name}"):
                one.predict(series=series, **{**given, name: part})
        with pytest.raises(ost.ConfigError, match=ORDER):
            one.predict(series=series, **{**given, "static": {k: turned["static"].loc[k] for k in ids}})
        with pytest.raises(ost.ConfigError, match=ORDER):
            one.update("u", 0.5, past=turned["past"]["u"][:1], future=future["u"][:1])
        with pytest.raises(ost.ConfigError, match=ORDER):
            new = {k: np.zeros(1) for k in ids}
            first = {name: {k: part[k][:1] for k in ids} for name, part in turned.items() if name != "static"}
            one.backtest(new, **first)
    mixed = {**future, "v": turned["future"]["v"]}
    with pytest.raises(ost.ConfigError, match=ORDER):
        ost.Forecaster(**FAST, horizon=2, season=1).fit(series, future=mixed)


def test_a_step_of_a_stream_has_the_columns_of_fit():
    x = [table("uv", 4) for _ in range(8)]
    model = ost.SequenceClassifier(**FAST, bidirectional=False).fit(x, [0, 1] * 4)
    row = x[0][:1]
    with pytest.raises(ost.ConfigError, match=ORDER):
        model.stream().step(row[["v", "u"]])
    np.testing.assert_array_equal(model.stream().step(row), model.stream().step(row.to_numpy()))


def test_the_columns_of_y_are_those_of_fit(tmp_path):
    x = [table("uv", 4) for _ in range(8)]
    y = table("ab", 8)
    model = ost.SequenceRegressor(**FAST, early_stopping=False).fit(x, y)
    model.save(tmp_path / "m")
    for one in (model, ost.load(tmp_path / "m")):
        one.score(x, y)
        one.score(x, y.to_numpy())  # without names
        for call in (one.score, one.partial_fit):
            with pytest.raises(ost.ConfigError, match=r"same order.*\n.*columns of y"):
                call(x, y[["b", "a"]])
        one.partial_fit(x, y)
