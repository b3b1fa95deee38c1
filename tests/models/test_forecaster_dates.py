"""The Forecaster on wide tables and Series whose index has dates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.models.test_forecaster import made, model

pd = pytest.importorskip("pandas", reason="pandas is not installed; the extra [test] has it")

SHORT = {"max_iter": 1}


def wide() -> Any:
    """Three series of 60 months."""
    t, rng = np.arange(60), np.random.default_rng(0)
    values = {f"shop {n}": 20 + 3 * np.sin(t * np.pi / 2) + rng.normal(size=60) for n in range(3)}
    return pd.DataFrame(values, index=pd.date_range("2020-01-01", periods=60, freq="MS", name="month"))


def forms() -> dict[str, Any]:
    table = wide()
    texts = table.set_axis([str(one)[:10] for one in table.index])
    return {
        "dates": table,
        "periods": table.to_period("M"),
        "texts": texts,
        "dict": {one: table[one] for one in table},
    }


@pytest.mark.parametrize("form", ["dates", "periods", "texts", "dict"])
def test_an_index_of_dates_is_the_time(form: str, tmp_path: Path):
    given = forms()[form]
    fitted = model(**SHORT).fit(given)
    plain = model(**SHORT).fit(wide().reset_index(drop=True))
    assert fitted.predict().tobytes() == plain.predict().tobytes()
    fitted.save(tmp_path / "model")
    for one in (fitted, ost.load(tmp_path / "model")):
        found = one.predict_table(2)
        assert list(found)[:3] == ["id", "time" if form == "texts" else "month", "y"]
        times = found[list(found)[1]].astype("datetime64[D]")
        assert [str(day) for day in times[:2]] == ["2025-01-01", "2025-02-01"]
        assert one.predict(series=given).tobytes() == plain.predict().tobytes()
    assert "step" in plain.predict_table(2)  # numbers in an index count rows


def test_a_date_that_is_left_out_is_a_missing_value():
    table = wide()
    holes = table.copy()
    holes.iloc[30] = np.nan
    fitted = model(**SHORT).fit(table.drop(table.index[30]))
    assert fitted.predict().tobytes() == model(**SHORT).fit(holes).predict().tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table[::-1], r"after 2024-12-01.* in the index; .*sort_index\(\)"),
        (lambda table: pd.concat([table, table[-1:]]), "in row 60, as in row 59 of the index"),
        (lambda table: table.set_axis(range(2059, 1999, -1)), r"falls from 2059 to 2000; .*sort_index\(\)"),
        (lambda table: table.set_axis(table.index.strftime("%d/%m/%Y")), "such as '01/01/2020', which seem"),
        (lambda table: table.set_axis(table.index.strftime("%Y%m")), "such as '202001', which seem to be"),
        (
            lambda table: table.tz_localize("UTC"),
            r"the index has .* with a time zone; .* hours .*\.index\.tz_convert\(None\); for days or longer",
        ),
        (
            lambda table: table.set_axis(pd.date_range("2020-01-31", periods=len(table), freq="BME")),
            r"smallest step of all .*such as business month ends.*\.index\.to_period\('M'\)",
        ),
        (
            lambda table: [table["shop 0"], table["shop 1"].to_numpy()],
            r"y\[0\] has an index of dates, y\[1\]",
        ),
        (lambda table: table.set_index("shop 0", append=True), r"several levels .*reset_index\(\)"),
    ],
)
def test_dates_that_do_not_fit_are_errors(change: Any, message: str):
    given = change(wide())
    with pytest.raises(ost.ConfigError, match=message):
        model(**SHORT).fit(given)
    fitted = model(**SHORT).fit(wide())
    with pytest.raises(ost.ConfigError, match=message.replace("y\\[", "series\\[")):
        fitted.predict(series=given)


def test_new_values_with_dates_continue_the_series():
    table = wide()
    fitted, plain = model(**SHORT).fit(table[:55]), model(**SHORT).fit(table)
    late = table["shop 1"][56:]
    for call in (
        lambda: fitted.update("shop 1", late),
        lambda: fitted.backtest(table[56:]),
        lambda: fitted.backtest([table[one][56:] for one in table]),
    ):
        with pytest.raises(ost.ConfigError, match=r"begins with 2024-09-01.*; expected 2024-08-01"):
            call()
    tests = fitted.backtest([table[one][55:] for one in table])
    assert [one.tobytes() for one in tests] == [one.tobytes() for one in fitted.backtest(table[55:])]
    for one in table:
        fitted.update(one, table[one][55:])
    assert [len(one) for one in tests] == [6] * 3
    assert fitted.predict_table(1)["month"].tolist() == plain.predict_table(1)["month"].tolist()
    with pytest.raises(ost.ConfigError, match="y has an index of dates, but the series has none"):
        model(**SHORT).fit(made(2)).update(0, late)


def test_covariates_with_dates_and_by_name_are_aligned():
    table = wide()
    months = pd.date_range("2020-01-01", periods=72, freq="MS")
    promo = pd.DataFrame({one: np.arange(72.0) % (3 + n) for n, one in enumerate(table)}, index=months)
    size = pd.Series([3.0, 1.0, 2.0], index=["shop 2", "shop 0", "shop 1"])
    fitted = model(**SHORT).fit(table, future=promo[promo.columns[::-1]], static=size)
    plain = model(**SHORT).fit(
        {one: table[one].to_numpy() for one in table},
        future={one: promo[one].to_numpy() for one in table},
        static={one: size[one] for one in table},
    )
    assert fitted.predict().tobytes() == plain.predict().tobytes()
    frame = size.to_frame("size")
    assert (
        model(**SHORT).fit(table, future=promo, static=frame).predict().tobytes() == plain.predict().tobytes()
    )
    with pytest.raises(ost.ConfigError, match=r"future\['shop 0'\] begins with 2020-02-01.*expected 2020-01"):
        model(**SHORT).fit(table, future=promo[1:])
    with pytest.raises(ost.ConfigError, match=r"future is a DataFrame without columns .* dict by id"):
        model(**SHORT).fit(table, future=promo[["shop 0"]])
    with pytest.raises(ost.ConfigError, match=r"static is a Series without an index .* dict by id"):
        model(**SHORT).fit(table, static=size[:2])
    with pytest.raises(ost.ConfigError, match=r"'month' is the index of the table.*reset_index\(\)"):
        model(**SHORT).fit(table, time="month", target="shop 0")
    more = promo["shop 0"].set_axis(months + pd.DateOffset(years=6))[:1]
    with pytest.raises(ost.ConfigError, match=r"future\['shop 0'\] begins with 2026-02"):
        fitted.update("shop 0", 20.0, future=more.set_axis([pd.Timestamp("2026-02-01")]))
    fitted.update("shop 0", 20.0, future=more)
