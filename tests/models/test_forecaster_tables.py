"""The Forecaster on long tables, and with covariates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.models.test_forecaster import HORIZON, made, model
from tests.models.test_long_table import Table


def table(count: int = 6, more: int = 0) -> dict[str, Any]:
    """A long table of months; `more` rows of each series have no sales."""
    columns: dict[str, list[Any]] = {
        "shop": [],
        "month": [],
        "sales": [],
        "promo": [],
        "size": [],
        "visits": [],
    }
    for n, values in enumerate(made(count)):
        months = np.arange(len(values) + more) + np.datetime64("2020-01")
        columns["shop"] += [f"shop {n}"] * len(months)
        columns["month"] += list(months.astype("datetime64[D]"))
        columns["sales"] += [*values, *([np.nan] * more)]
        columns["promo"] += [float(step % 3 == 0) for step in range(len(months))]
        columns["size"] += [float(n)] * len(months)
        columns["visits"] += [2.0 * one for one in (*values, *([0.0] * more))]
    return columns


LONG = {"id": "shop", "time": "month", "target": "sales"}


@pytest.mark.parametrize("kind", [dict, Table, "pandas"])
def test_a_long_table_is_its_series(kind: Any, tmp_path: Path):
    if kind == "pandas":
        kind = pytest.importorskip(
            "pandas", reason="pandas is not installed; the extra [test] has it"
        ).DataFrame
    data = kind(table())
    fitted = model().fit(data, **LONG)
    plain = model().fit({f"shop {n}": one for n, one in enumerate(made(6))})
    assert fitted.ids_ == plain.ids_
    assert fitted.predict().tobytes() == plain.predict().tobytes()
    # other histories in the same form
    assert fitted.predict(series=data).tobytes() == plain.predict().tobytes()
    fitted.save(tmp_path / "model")
    for one in (fitted, ost.load(tmp_path / "model")):
        one.update("shop 1", [20.0, 21.0])
        found = one.predict_table(3)
        assert list(found) == ["shop", "month", "sales", *(f"0.{k}" for k in range(1, 10))]
        assert found["shop"][:4].tolist() == ["shop 0"] * 3 + ["shop 1"]
        assert found["sales"].tobytes() == one.predict(3).reshape(-1).tobytes()
        assert found["0.1"].tobytes() == one.predict_quantiles(3)[:, :, 0].reshape(-1).tobytes()
        # two new values: the forecast begins in the third month after those of the table
        count = len(made(6)[1]) + 2
        months = (np.datetime64("2020-01") + count + np.arange(3)).astype("datetime64[D]")
        assert (found["month"][3:6] == months).all()


def test_a_backtest_of_a_long_table_continues_its_times():
    fitted = model(max_iter=1).fit(table(2), **LONG)
    ends = [len(one) for one in made(2)]
    later = {
        "shop": ["shop 0", "shop 0", "shop 1", "shop 1"],
        "month": [np.datetime64("2020-01") + ends[n] + k for n in range(2) for k in range(2)],
        "sales": [20.0, 21.0, 22.0, 23.0],
    }
    later["month"] = [str(one.astype("datetime64[D]")) for one in later["month"]]
    found = fitted.backtest(later)
    plain = model(max_iter=1).fit(made(2)).backtest([[20.0, 21.0], [22.0, 23.0]])
    assert [one.tobytes() for one in found] == [one.tobytes() for one in plain]
    early = {**later, "month": ["2020-02-01", "2020-03-01"] * 2}
    with pytest.raises(
        ost.ConfigError, match=r"y begins with 2020-02-01.* for the series 'shop 0'; expected 20"
    ):
        fitted.backtest(early)
    years = {**later, "month": ["2030-01-01", "2031-01-01"] * 2}
    with pytest.raises(ost.ConfigError, match="y has steps of 12 months; those of the fit are 1 months"):
        fitted.backtest(years)


def test_without_times_a_table_of_forecasts_counts_steps():
    fitted = model(max_iter=1).fit({"a": made()[0], "b": made()[1]})
    found = fitted.predict_table(2)
    assert list(found)[:3] == ["id", "step", "y"] and found["step"].tolist() == [1, 2, 1, 2]


COVARIATES = {"past": ["visits"], "future": ["promo"], "static": ["size"]}


def arrays(more: int) -> dict[str, Any]:
    series = made(6)
    return {
        "past": [2.0 * one for one in series],
        "future": [(np.arange(len(one) + more) % 3 == 0).astype(float) for one in series],
        "static": [float(n) for n in range(6)],
    }


@pytest.mark.parametrize("method", ["direct", "auto", "recursive"])
def test_covariates_of_columns_are_those_of_arrays(method: str, tmp_path: Path):
    options = {"method": method}
    fitted = model(**options).fit(table(more=HORIZON), **LONG, **COVARIATES)
    plain = model(**options).fit(
        {f"shop {n}": one for n, one in enumerate(made(6))},
        **{name: {f"shop {n}": row for n, row in enumerate(one)} for name, one in arrays(HORIZON).items()},
    )
    assert fitted.predict_quantiles().tobytes() == plain.predict_quantiles().tobytes()
    assert fitted.predict().tobytes() != model(**options).fit(made(6)).predict().tobytes()
    fitted.save(tmp_path / "model")
    assert ost.load(tmp_path / "model").predict().tobytes() == fitted.predict().tobytes()
    again = fitted.predict(series=table(more=HORIZON))
    assert again.tobytes() == fitted.predict().tobytes()


@pytest.mark.parametrize("method", ["direct", "recursive"])
def test_with_covariates_updates_backtests_and_whole_passes_are_one(method: str):
    series, given = made(6), arrays(HORIZON)
    cut = 3
    fitted = model(method=method).fit(
        [one[:-cut] for one in series],
        past=[one[:-cut] for one in given["past"]],
        future=[one[:-cut] for one in given["future"]],
        static=given["static"],
    )
    later = {
        "past": [one[-cut:] for one in given["past"]],
        "future": [one[-cut:] for one in given["future"]],
    }
    tests = fitted.backtest([one[-cut:] for one in series], **later)
    for n, one in enumerate(series):
        assert fitted.predict_quantiles()[n].tobytes() == tests[n][0].tobytes()
        fitted.update(n, one[-cut], past=later["past"][n][:1], future=later["future"][n][:1])
        assert fitted.predict_quantiles()[n].tobytes() == tests[n][1].tobytes()
        fitted.update(n, one[-cut + 1 :], past=later["past"][n][1:], future=later["future"][n][1:])
        assert fitted.predict_quantiles()[n].tobytes() == tests[n][cut].tobytes()
    whole = fitted.predict_quantiles(series=series, **given)
    assert whole.tobytes() == fitted.predict_quantiles().tobytes()


def test_a_known_future_is_read():
    # a promotion at random steps adds 5 to noise of 0.5: only who knows it can forecast it
    rng = np.random.default_rng(0)
    promo = [(rng.random(80) < 0.3).astype(float) for _ in range(20)]
    sales = [20 + 5 * one + 0.5 * rng.normal(size=80) for one in promo]
    for method in ("direct", "recursive"):
        options = {
            "horizon": 5, "season": 1, "hidden_size": 16, "num_layers": 1, "max_iter": 40, "batch_size": 4,
            "learning_rate_init": 0.02, "transform": "none", "method": method, "random_state": 0,
        }  # fmt: skip
        blind = ost.Forecaster(**options).fit([one[:75] for one in sales])
        known = ost.Forecaster(**options).fit([one[:75] for one in sales], future=promo)
        truth = np.array([one[75:] for one in sales])
        errors = [float(np.abs(one.predict() - truth).mean()) for one in (known, blind)]
        assert errors[0] < 0.5 * errors[1]


def with_future(steps: int, **options: Any) -> Any:
    return model(max_iter=1, **options).fit(made(2), future=[np.ones(len(one) + steps) for one in made(2)])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: model().fit(table(), id="shop"),
            "id is 'shop', a column of a long table, but target is None",
        ),
        (
            lambda: model().fit(table(), **{**LONG, "target": "sale"}),
            "no column 'sale'; did you mean 'sales'",
        ),
        (lambda: model().fit(table(), **{**LONG, "time": 3}), "time is 3; expected the name of a column"),
        (lambda: model().fit(made(), target="sales"), "expected a table with one row for each"),
        (lambda: model().fit(table(), **LONG, past="visitors"), "no column 'visitors'"),
        (lambda: model().fit(table(), **LONG, static="promo"), "expected one value for a series"),
        (
            lambda: model().fit(table(more=2), **LONG, future="promo"),
            r"future\['shop 0'\] ends \d+ steps before the last one that the forecasts read; add",
        ),
        (lambda: with_future(HORIZON - 1, method="direct"), r"future\[0\] ends 1 step before the last"),
        (lambda: with_future(0, method="recursive"), r"future\[0\] ends 1 step before the last"),
        (lambda: with_future(HORIZON, method="recursive").predict(HORIZON + 1), r"predict: future\[0\] ends"),
        (lambda: with_future(HORIZON).update(0, 20.0), r"update: future\[0\] ends 1 step before"),
        (lambda: model().fit(made(2), future={0: np.ones(60)}), r"future has no series 1"),
        (
            lambda: model().fit(made(2), past={0: 1, 1: 2, 7: 3}),
            "past has the series 7, which y does not have",
        ),
        (lambda: model().fit(made(2), static=[1.0]), "static has 1 series, y 2"),
        (lambda: model().fit(made(2), static=[1.0, np.nan]), r"static\[1\] has nan at step 0, column 0"),
        (lambda: model().fit(made(2), past=[np.ones(3), np.ones(3)]), r"past\[0\] has 3 steps, the series"),
        (lambda: model(max_iter=1).fit(made(2)).update(0, 2.0, past=[1.0]), "fitted without covariates"),
        (lambda: model(max_iter=1).fit(made(2)).predict(static=[1.0]), "static is given without series"),
        (
            lambda: with_future(HORIZON).predict(series=made(2)),
            "future has 0 columns; the model was fitted with 1",
        ),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str):
    with pytest.raises(ost.OstinatoError, match=words):
        call()


def test_an_update_takes_numbers_for_one_step():
    series, past = made(2), [np.cos(np.arange(len(one))) for one in made(2)]
    fitted = model(max_iter=1).fit(series, past=past)
    fitted.update(0, 2.0, past=np.array([[0.5]]))
    for one in (0.5, np.array(0.5)):
        other = model(max_iter=1).fit(series, past=past)
        other.update(0, 2.0, past=one)
        assert other.predict_quantiles().tobytes() == fitted.predict_quantiles().tobytes()
    with pytest.raises(ost.DTypeError, match=r"past\[0\]"):
        other.update(0, 2.0, past="0.5")


def test_covariates_beside_a_long_table_are_refused():
    fitted = model(max_iter=1).fit(table(more=HORIZON), **LONG, **COVARIATES)
    for name, one in arrays(HORIZON).items():
        with pytest.raises(ost.ConfigError, match=f"predict: {name} is given with a long table"):
            fitted.predict(series=table(more=HORIZON), **{name: one})
    # a dict of series one of which is named as the target is no long table
    plain = model(max_iter=1).fit(table(), **LONG)
    assert plain.predict(series={"sales": made()[0]}).shape == (1, HORIZON)


def test_a_recursive_backtest_reads_the_future_that_is_given():
    series, given, cut = made(2), arrays(2 * HORIZON), 3
    past, future = given["past"][:2], given["future"][:2]
    starts, new = [one[:-cut] for one in series], [one[-cut:] for one in series]
    ends = [len(one) + 1 for one in starts]
    fitted = model(method="recursive", max_iter=1).fit(
        starts,
        past=[one[:-cut] for one in past],
        future=[one[:end] for one, end in zip(future, ends, strict=True)],
    )
    more = [one[end:] for one, end in zip(future, ends, strict=True)]
    found = fitted.backtest(new, past=[one[-cut:] for one in past], future=more)
    for origin in range(cut + 1):
        counts = [len(one) + origin for one in starts]
        expected = fitted.predict_quantiles(
            series=[one[:count] for one, count in zip(series, counts, strict=True)],
            past=[one[:count] for one, count in zip(past, counts, strict=True)],
            future=future,
        )
        assert [one[origin].tobytes() for one in found] == [one.tobytes() for one in expected]


@pytest.mark.parametrize("method", ["direct", "auto"])
def test_a_horizon_that_no_series_trains_is_an_error(method: str):
    short = {"a": np.arange(1.0, 5.0), "b": np.arange(1.0, 6.0)}
    with pytest.raises(
        ost.ConfigError, match=r"horizon is 5, but the longest series, 'b', has 5 steps, .* 4"
    ):
        model(method=method).fit(short)
    assert model(method="recursive", max_iter=1).fit(short).predict().shape == (2, HORIZON)


def test_ids_keep_their_types():
    series = made(2)
    fitted = model(max_iter=1).fit({10: series[0], "x": series[1]})
    assert set(fitted.predict_table(1)["id"]) == {10, "x"}
    with pytest.raises(ost.ConfigError, match=r"id is '10', .*; the integer 10 is one"):
        fitted.update("10", 20.0)
    with pytest.raises(ost.ConfigError, match="y has the ids 10 and '10', which print alike"):
        model().fit({10: series[0], "10": series[1]})
    columns = {"shop": [10, 10, "10", "10"], "sales": [1.0, 2.0, 3.0, 4.0]}
    with pytest.raises(ost.ConfigError, match="the column 'shop' has the ids 10 and '10'"):
        model().fit(columns, id="shop", target="sales")


def test_steps_before_the_first_value_change_nothing():
    series, given = made(6), arrays(HORIZON)
    count = 9
    lead, steps = np.full(count, np.nan), np.zeros(count)
    longer = [np.concatenate([lead, one]) for one in series]
    covariates = {
        "past": [np.concatenate([steps, one]) for one in given["past"]],
        "future": [np.concatenate([steps, one]) for one in given["future"]],
        "static": given["static"],
    }
    plain, fitted = model().fit(series, **given), model().fit(longer, **covariates)
    assert fitted.predict_quantiles().tobytes() == plain.predict_quantiles().tobytes()
    assert fitted.predict(series=longer, **covariates).tobytes() == plain.predict().tobytes()
    months = np.arange(count + len(series[0])) + np.datetime64("2020-01")
    columns = {"month": months.astype("datetime64[D]"), "sales": longer[0]}
    found = model(max_iter=1).fit(columns, time="month", target="sales").predict_table(1)["month"]
    assert str(found[0]) == str(months[-1] + 1) + "-01"


def test_a_long_table_without_names_is_recognized():
    with pytest.raises(ost.DTypeError, match=r"If this is a long table, name its columns: id=, time="):
        model().fit(table())
    with pytest.raises(ost.ConfigError, match=r"predict_quantiles"):
        model().predict_quantiles()
