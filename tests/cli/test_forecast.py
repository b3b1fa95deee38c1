"""`ostinato forecast`: a CSV file in, forecasts as CSV out."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.main import main
from ostinato.cli.reading.sequences import Layout
from ostinato.cli.reading.series import read_series


def test_each_column_of_numbers_is_forecast(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    t = np.arange(40)
    rows = [
        [f"2020-{n}", f"{10 + np.sin(np.pi * n / 2):.3f}", "" if n == 7 else f"{5 + 0.1 * n:.2f}"] for n in t
    ]
    place = tmp_path / "data.csv"
    with place.open("w", newline="") as file:
        csv.writer(file).writerows([["month", "a", "b"], *rows])
    saved = tmp_path / "model.safetensors"
    assert main(["forecast", str(place), "--horizon", "3", "--season", "4", "--save", str(saved)]) == 0
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(one["series"], one["step"]) for one in found] == [(s, str(k)) for s in "ab" for k in (1, 2, 3)]
    assert all(float(one["low"]) <= float(one["median"]) <= float(one["high"]) for one in found)
    assert ost.load(saved).predict()[0, 0] == pytest.approx(float(found[0]["median"]), rel=1e-5)


def test_a_file_without_numbers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    place = tmp_path / "data.csv"
    place.write_text("a,b\nx,y\n")
    assert main(["forecast", str(place)]) == 1
    assert "no column of numbers" in capsys.readouterr().err


def csv_of(cells: dict[int, str] | None = None, header: str = "month,a,b", separator: str = ",") -> bytes:
    """A file of 30 steps; cells: of the last column, by their line."""
    lines = [f"2020-{n:02},{n * n % 7}.5,{(cells or {}).get(n + 2, f'{n % 4}')}" for n in range(30)]
    return "\n".join([header, *lines, ""]).replace(",", separator).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (csv_of({4: "oops"}), "the column 'b' has 'oops' at line 4; expected a number"),
        (csv_of({9: "inf"}), "the column 'b' has 'inf' at line 9"),
        (csv_of({9: '"1,234.5"'}), "the column 'b' has '1,234.5' at line 9; expected numbers with a decimal"),
        (csv_of(dict.fromkeys(range(99), '"1,5"')), "the column 'b' has '1,5' at line 2"),
        (csv_of(header="month,a,a"), "two columns of numbers have the name 'a'"),
        (csv_of(header="2019-12,1.5,2"), "the first line has numbers, 2019-12, 1.5, 2, and no names"),
        (csv_of({5: "1,2"}), "line 5 has 4 cells; the header has 3"),
        (csv_of(header="month,a"), "line 2 has 3 cells; the header has 2"),
        (csv_of(header="month,a,gr\u00f6\u00dfe").decode().encode("latin-1"), "not UTF-8: byte 0xf6 at 10"),
        (b"", "the file is empty"),
        (b"month,a,b\n", "no column of numbers"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(content, words, tmp_path, capsys):
    place = tmp_path / "data.csv"
    place.write_bytes(content)
    assert main(["forecast", str(place)]) == 1
    printed = capsys.readouterr()
    assert re.search(words, printed.err) and not printed.out


@pytest.mark.parametrize(
    "content",
    [
        csv_of(),
        b"\r\n" + csv_of().replace(b"\n", b"\r\n"),
        csv_of(separator=";"),
        csv_of(separator="\t"),
        b"\xef\xbb\xbf" + csv_of(header="a,m,b"),
        csv_of(header=",2019,b"),
        csv_of(dict(zip(range(2, 9), ["NA", "NaN", "nan", "NULL", "", " ", "n/a"], strict=True))),
    ],
)
def test_columns_of_numbers_are_read(content, tmp_path):
    place = tmp_path / "data.csv"
    place.write_bytes(content)
    found = read_series(str(place), Layout()).values
    assert [*found][-1] == "b" and "\ufeff" not in "".join(found)
    assert found["b"].tolist()[-4:] == [2.0, 3.0, 0.0, 1.0] and len(found["b"]) in (23, 30)


def test_places_of_files_are_checked_before_the_fit(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib", reason="make test installs the extra [plot]")
    place = tmp_path / "data.csv"
    place.write_bytes(csv_of())
    monkeypatch.setattr(ost.Forecaster, "fit", lambda *_: pytest.fail("fitted"))
    for flags, words in (
        (["--plot", str(tmp_path / "none" / "out.png")], "there is no folder"),
        (["--plot", str(tmp_path / "out.xyz")], "ends in one of"),
        (["--save", str(tmp_path / "none" / "model")], "--save is .*there is no folder"),
        (["--save", str(tmp_path)], "which is a folder"),
    ):
        assert main(["forecast", str(place), *flags]) == 1
        assert re.search(words, capsys.readouterr().err)


def days(
    path: Path, header: str = "day,a,b", drop: tuple[int, ...] = (), texts: dict[int, str] | None = None
):
    """30 days from 2024-01-01 on. drop: days without a line; texts: other dates."""
    first = np.datetime64("2024-01-01")
    lines = [f"{(texts or {}).get(n, first + n)},{n % 4}.5,{n % 7}" for n in range(30) if n not in drop]
    path.write_text("\n".join([header, *lines, ""]))
    return str(path)


FEW = ["--horizon", "2", "--season", "4"]


@pytest.mark.parametrize("header", ["day,a,b", ",a,b", "Unnamed: 0,a,b"])
def test_the_first_column_of_dates_has_the_times(header, tmp_path, capsys):
    data = days(tmp_path / "d.csv", header)
    assert main(["forecast", data, *FEW]) == 0
    printed = capsys.readouterr()
    name = header.partition(",")[0]
    assert printed.err == f"{data}: series: a, b; time: {name or repr('') + ' (no name)'}\n"
    lines = list(csv.reader(io.StringIO(printed.out)))
    assert lines[0][:2] == ["series", name or "time"]
    assert [one[1] for one in lines[1:]] == ["2024-01-31", "2024-02-01"] * 2


def test_a_day_that_is_left_out_is_a_missing_value(tmp_path, capsys):
    found = read_series(days(tmp_path / "d.csv", drop=(7,)), Layout())
    whole = read_series(days(tmp_path / "w.csv"), Layout())
    for name, values in found.values.items():
        assert np.flatnonzero(np.isnan(values)).tolist() == [7]
        assert np.array_equal(np.delete(values, 7), np.delete(whole.values[name], 7))
    assert found.time == "day" and not capsys.readouterr().err


def test_series_that_end_earlier_go_on_after_their_own_last_day(tmp_path, capsys):
    data = Path(days(tmp_path / "d.csv"))
    lines = data.read_text().splitlines()
    lines[-1] = lines[-1].rpartition(",")[0] + ","
    data.write_text("\n".join([*lines, ""]))
    assert main(["forecast", str(data), *FEW]) == 0
    found = [one[:2] for one in csv.reader(io.StringIO(capsys.readouterr().out))][1:]
    assert found == [["a", "2024-01-31"], ["a", "2024-02-01"], ["b", "2024-01-30"], ["b", "2024-01-31"]]


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("2024-01-05", "has 2024-01-05.* at line 7, as at line 6"),
        ("2023-01-03", "at line 7 after 2024-01-05"),
    ],
)
def test_dates_that_fall_or_come_twice_are_refused(date, words, tmp_path, capsys):
    data = days(tmp_path / "d.csv", texts={5: date})
    assert main(["forecast", data, *FEW]) == 1
    printed = capsys.readouterr()
    assert re.search(words, printed.err) and "--ignore 'day'" in printed.err and not printed.out
    assert main(["forecast", data, "--ignore", "day", *FEW]) == 0
    printed = capsys.readouterr()
    assert "left out: day" in printed.err and printed.out.startswith("series,step,")


def test_dates_without_a_clock_are_left_out_with_a_line_unless_a_flag_names_them(tmp_path, capsys):
    data = days(tmp_path / "d.csv", texts={5: "2024-01-06T07:01"})
    assert main(["forecast", data, *FEW]) == 0
    printed = capsys.readouterr()
    assert "The dates are left out: each line is a step" in printed.err and "left out: day" in printed.err
    assert printed.out.startswith("series,step,")
    assert main(["forecast", data, "--time", "day", *FEW]) == 1
    assert "expected regular times" in capsys.readouterr().err


def test_working_days_count_as_steps_unless_a_flag_names_them(tmp_path, capsys):
    weekends = tuple(n for n in range(30) if n % 7 in (5, 6))  # 2024-01-01 is a Monday
    data = days(tmp_path / "d.csv", drop=weekends)
    found = read_series(data, Layout())
    assert "The dates are left out: each line is a step" in capsys.readouterr().err
    assert not np.isnan(found.values["a"]).any() and len(found.values["a"]) == 22
    with pytest.warns(UserWarning, match="weekend|Saturdays"):
        assert len(read_series(data, Layout(time="day")).values["a"]) == 30


def test_the_index_that_pandas_writes_is_no_series(tmp_path, capsys):
    for name in ("", "Unnamed: 0"):
        place = tmp_path / "d.csv"
        place.write_text("\n".join([f"{name},a", *(f"{n},{n % 4}.5" for n in range(30)), ""]))
        assert main(["forecast", str(place), *FEW]) == 0
        printed = capsys.readouterr()
        assert f"series: a; left out: {name or repr('') + ' (no name)'}\n" in printed.err
        assert {one[0] for one in csv.reader(io.StringIO(printed.out))} == {"series", "a"}


def test_a_decimal_comma_is_read_with_its_flag_and_is_known_to_predict(tmp_path, capsys):
    point, comma, model = days(tmp_path / "d.csv"), tmp_path / "c.csv", str(tmp_path / "m")
    text = Path(point).read_text()
    comma.write_text(text.replace(",", ";").replace(".", ","))
    assert main(["forecast", point, *FEW]) == 0
    expected = capsys.readouterr().out
    assert main(["forecast", str(comma), "--decimal", ",", "--save", model, *FEW]) == 0
    assert capsys.readouterr().out == expected
    assert main(["predict", model, str(comma)]) == 0
    assert capsys.readouterr().out == expected
    assert main(["predict", model, point]) == 1
    assert main(["predict", model, point, "--decimal", "."]) == 0
    assert capsys.readouterr().out == expected
    assert main(["predict", model, "--decimal", ","]) == 1
    assert "--decimal is given without a file" in capsys.readouterr().err


@pytest.mark.parametrize("cell", ["1.234", "1.234,5", "1.5e3", ".5"])
def test_a_point_in_a_file_with_decimal_commas_is_refused(cell, tmp_path, capsys):
    place = tmp_path / "c.csv"
    place.write_text("day;a\n31.01.2020;1,5\n01.02.2020;" + cell + "\n")
    assert main(["forecast", str(place), "--decimal", ",", *FEW]) == 1
    assert f"the column 'a' has '{cell}' at line 3; with --decimal ," in capsys.readouterr().err


def test_other_columns_of_a_long_file_are_named(tmp_path, capsys):
    place = tmp_path / "d.csv"
    place.write_text("\n".join(["s,t,y,w,v", *(f"x,{n},{n % 4}.5,1,2" for n in range(30)), ""]))
    flags = ["--id", "s", "--time", "t", "--target", "y"]
    assert main(["forecast", str(place), *flags, *FEW]) == 0
    assert capsys.readouterr().err == f"{place}: target: y; id: s; time: t; left out: w, v\n"
    model = str(tmp_path / "m")
    assert main(["forecast", str(place), "--target", "y", "--ignore", "t", "--save", model, *FEW]) == 0
    expected = capsys.readouterr().out
    assert main(["predict", model, str(place)]) == 0
    printed = capsys.readouterr()
    assert printed.out == expected and printed.err == f"{place}: series: y; left out: s, t, w, v\n"
