"""Long tables: the rows of each series in time, from a DataFrame or a dict of columns."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.reading.long_table import read_long


class Table:
    """The part of a table of pandas or polars that is read."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns, self._values = list(columns), columns

    def __getitem__(self, name: str) -> Any:
        return Column(self._values[name])


class Column:
    def __init__(self, values: Any) -> None:
        self._values = values

    def to_numpy(self) -> Any:
        return np.asarray(self._values)


def columns() -> dict[str, Any]:
    """Two series whose rows alternate, and a third one."""
    return {
        "shop": ["a", "b", "a", "b", "a", "c"],
        "day": ["2026-01-01", "2026-01-03", "2026-01-02", "2026-01-05", "2026-01-04", "2026-01-01"],
        "sales": [1.0, 10.0, 2.0, 30.0, 4.0, 7.0],
        "price": [5, 6, 5, 6, 7, 8],
        "town": ["x", "y", "x", "y", "x", None],
    }


@pytest.mark.parametrize("kind", [dict, Table, "pandas"])
def test_the_rows_of_each_series_are_found(kind: Any):
    if kind == "pandas":
        kind = pytest.importorskip(
            "pandas", reason="pandas is not installed; the extra [test] has it"
        ).DataFrame
    table = kind(columns())
    long = read_long("X", table, id="shop", time="day")
    assert long.ids == ["a", "b", "c"]
    assert [one.tolist() for one in long.rows] == [[0, 2, 4], [1, 3], [5]]
    assert [one.tolist() for one in long.numbers("sales")] == [[1, 2, 4], [10, 30], [7]]
    assert [one.tolist() for one in long.features(["sales", "price"])][1] == [[10, 6], [30, 6]]
    assert long.first("town")[:2] == ["x", "y"]
    # 3 January of shop a, and 4 January of shop b, have no row
    filled = long.on_clock(long.numbers("sales"))
    np.testing.assert_array_equal(filled[0], [1, 2, np.nan, 4])
    np.testing.assert_array_equal(filled[1], [10, np.nan, 30])
    assert long.on_clock(long.features(["sales", "price"]))[0].shape == (4, 2)


def test_without_id_and_time_a_table_is_one_series_in_its_order():
    long = read_long("X", {"y": [3.0, None, 1.0]})
    assert long.ids == [0] and long.times is None
    np.testing.assert_array_equal(long.on_clock(long.numbers("y"))[0], [3, np.nan, 1])


MONTHS = np.arange("2025-01", "2026-01", dtype="datetime64[M]")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (MONTHS.astype("datetime64[D]"), ["2026-01-01", "2026-02-01"]),
        (MONTHS.astype("datetime64[ns]"), ["2026-01-01T00:00:00.000000000", "2026-02-01T00:00:00.000000000"]),
        ((MONTHS + 1).astype("datetime64[D]") - 1, ["2026-01-31", "2026-02-28"]),
        (MONTHS[::3].astype("datetime64[D]") + 14, ["2026-01-15", "2026-04-15"]),
        (np.arange("2025-01-06", "2025-03-01", 7, dtype="datetime64[D]"), ["2025-03-03", "2025-03-10"]),
        (np.arange(1990, 2004), ["2004", "2005"]),
        (np.arange(1990.0, 2004.0, 2), ["2004", "2006"]),
        ([datetime.date(2025, 1, day) for day in (1, 2, 3)], None),
        ([datetime.datetime(2025, 1, 1, hour) for hour in (5, 6, 7)], None),
        ([f"2025-01-01T0{hour}:30" for hour in (5, 6, 7)], None),
    ],
)
def test_the_next_times_are_those_of_the_clock(times: Any, expected: list[str] | None):
    long = read_long("X", {"t": times, "y": np.zeros(len(times))}, time="t")
    assert long.clock is not None and long.times is not None
    found = long.clock.after(long.times[0][-1], 2)
    if expected is None:
        step = long.times[0][1] - long.times[0][0]
        assert (found == long.times[0][-1] + step * np.arange(1, 3)).all()
    else:
        assert found.astype(str).tolist() == expected
    assert long.clock.places(long.times[0]).tolist() == list(range(len(times)))


def with_(**changes: Any) -> dict[str, Any]:
    return {**columns(), **changes}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: read_long("X", [1, 2]), r"X: the table is \[1, 2\]; expected a DataFrame or a dict"),
        (lambda: read_long("X", columns(), id="shops"), "no column 'shops'; did you mean 'shop'"),
        (lambda: read_long("X", with_(shop=["a"]), id="shop"), "'shop' has 1 rows, 'day' has 6"),
        (lambda: read_long("X", with_(shop=["a", 1, 2, None, 1, 2]), id="shop"), "'shop' has None in row 3"),
        (lambda: read_long("X", with_(shop=[2.5] * 6), id="shop"), "'shop' has 2.5 in row 0; expected texts"),
        (lambda: read_long("X", {"t": []}, time="t"), "the table has no rows"),
        (
            lambda: read_long("X", with_(day=[1, 1, 3, 2, 2, 1]), id="shop", time="day"),
            "the series 'a' has 2 in row 4 after 3 in the column 'day'; .* sort the table by 'day'",
        ),
        (
            lambda: read_long("X", with_(day=[1, 1, 2, 1, 3, 1]), id="shop", time="day"),
            "the series 'b' has 1 in row 3, as in row 1 of the column 'day'; expected each time once",
        ),
        (
            lambda: read_long("X", with_(day=[0, 0, 2, 4, 5, 1]), id="shop", time="day"),
            "the series 'a' goes from 2 to 5 in row 4 of the column 'day', but the smallest step .* is 2;",
        ),
        (
            lambda: read_long("X", with_(day=["2026-01-01", "soon"] * 3), time="day"),
            "'day' has 'soon' in row 1; expected a time",
        ),
        (lambda: read_long("X", with_(day=[1, None, 2, 3, 4, 5]), time="day"), "'day' has None in row 1"),
        (lambda: read_long("X", with_(day=[1, "2026-01-01"] * 3), time="day"), "has integers and dates"),
        (lambda: read_long("X", with_(day=np.array([1, 2.5] * 3)), time="day"), "'day' has 2.5 in row 1"),
        (lambda: read_long("X", columns()).numbers("town"), "'town' has 'x' in row 0; expected numbers"),
        (
            lambda: read_long("X", columns(), id="shop").first("price"),
            "the series 'a' has 5 and, in row 4, 7 in the column 'price'",
        ),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str):
    with pytest.raises(ost.OstinatoError, match=words):
        call()


def test_irregular_times_are_refused_only_where_a_clock_is_needed():
    table = with_(day=[0, 0, 2, 4, 5, 1])
    assert read_long("X", table, id="shop", time="day", regular=False).clock is None


def test_one_row_a_century_later_is_no_gap_to_fill():
    with pytest.raises(ost.ConfigError, match="the series 0 goes from 1 to 900"):
        read_long("X", {"t": [0, 1, 900]}, time="t")


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([202311, 202312, 202401], r"the column 'd' has integers such as 202311, .*texts such as '2024-01'"),
        ([20231130, 20231201, 20231202], r"integers such as 20231130.*texts such as '2024-01-31'"),
        (["202311", "202312", "202401"], r"the column 'd' has '202311' in row 0; expected a time.*'2026-01'"),
        (["20231130", "20231201", "20231202"], "the column 'd' has '20231130' in row 0"),
        (["2024-01-01 00:00Z", "2024-01-01 01:00Z", "2024-01-01 02:00Z"], r"in row 0, with a time zone"),
        (
            ["2024-01-01T00:00+02:00"] * 3,
            r"with a time zone; .*hours .*\.dt\.tz_convert\(None\); .*\.dt\.tz_localize\(None\)",
        ),
        ([datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)] * 3, "with a time zone"),
        (
            [1, 2, 9],
            r"from 2 to 9 in row 2 .*more than half of the steps of the series are missing",
        ),
    ],
)
def test_times_that_would_be_misread_are_errors(times: Any, message: str):
    for column in (times, np.array(times)):
        with pytest.raises((ost.ConfigError, ost.DTypeError), match=message):
            read_long("X", {"d": column}, time="d")


def test_a_series_of_another_frequency_is_an_error():
    months = list(np.arange("2024-01", "2024-06", dtype="datetime64[M]").astype("datetime64[D]"))
    days = list(np.arange("2024-01-01", "2024-06-01", dtype="datetime64[D]"))
    table = {"id": ["day"] * len(days) + ["month"] * 5, "t": np.array(days + months)}
    with pytest.raises(ost.ConfigError, match=r"the series 'month' goes from .*other frequencies apart"):
        read_long("X", table, id="id", time="t")


def test_times_without_weekends_are_warned_about():
    days = np.arange("2024-01-01", "2024-02-01", dtype="datetime64[D]")
    with pytest.warns(UserWarning, match="the column 't' has no Saturdays and Sundays"):
        read_long("X", {"t": days[np.is_busday(days)]}, time="t")
    read_long("X", {"t": days}, time="t")  # each day: no warning, which would be an error


def test_the_order_of_sequences_may_have_time_zones():
    times = ["2024-01-01 00:30+01:00", "2024-01-01 00:00Z", "2024-01-01 00:00-0130"]
    table = read_long("X", {"t": times}, time="t", regular=False)
    assert table.times is not None
    hours = [str(one)[:16] for one in table.times[0]]
    assert hours == ["2023-12-31T23:30", "2024-01-01T00:00", "2024-01-01T01:30"]
