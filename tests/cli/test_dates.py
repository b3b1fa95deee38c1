"""Dates of CSV files that are written otherwise than 2026-01-31."""

from __future__ import annotations

import pytest

import ostinato as ost
from ostinato.cli.main import main
from ostinato.cli.reading.dates import hint_of
from ostinato.cli.reading.sequences import Layout
from ostinato.cli.reading.series import read_series

DAYS = [f"{n:02}" for n in range(1, 29)]


def lines(form: str) -> str:
    return "when,a\n" + "".join(f"{form.format(day=day)},{int(day) % 7}.5\n" for day in DAYS)


@pytest.mark.parametrize(
    ("written", "format"),
    [
        *(("{day}.02.2026", "%d.%m.%Y"), ("02/{day}/2026", "%m/%d/%Y"), ("202602{day}", "%Y%m%d")),
        *(("{day} Feb 2026", "%d %b %Y"), ("{day}.02.26 00:00", "%d.%m.%y %H:%M")),
    ],
)
@pytest.mark.parametrize("time", [None, "when"])
def test_a_format_reads_the_dates(written, format, time, tmp_path):
    place = tmp_path / "d.csv"
    place.write_text(lines("2026-02-{day}"))
    wanted = read_series(str(place), Layout(time="when"))
    place.write_text(lines(written))
    found = read_series(str(place), Layout(time=time, date_format=format))
    assert found.time == "when"
    for series in (found, wanted):
        times = series.times(3)
        assert times is not None
        assert [str(one)[:10] for one in times[0]] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert found.values["a"].tolist() == wanted.values["a"].tolist()


def test_without_the_format_a_named_column_is_an_error_that_names_it(tmp_path):
    place = tmp_path / "d.csv"
    place.write_text(lines("{day}.02.2026"))
    message = (
        r"the column 'when' has '01\.02\.2026' at line 2; expected dates such as 2026-01-31, or "
        r"--date-format '%d\.%m\.%Y' if the day is first, or '%m\.%d\.%Y' if the month is"
    )
    with pytest.raises(ost.FormatError, match=message):
        read_series(str(place), Layout(time="when"))


def test_without_the_format_dates_that_no_flag_names_are_left_out_with_a_word(tmp_path, capsys):
    place = tmp_path / "d.csv"
    place.write_text(lines("{day}/02/2026"))
    assert read_series(str(place), Layout()).time is None
    printed = capsys.readouterr().err
    assert "dates such as 01/02/2026, which are left out" in printed and "--date-format '%d/%m/%Y'" in printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026/01/31", "'%Y/%m/%d'"),
        ("31.1.26", "'%d.%m.%y'"),
        ("31.01.2026 10:30:00", "'%d.%m.%Y %H:%M:%S'"),
        *(("2026-01-31", None), ("31.5", None), ("31,01,2026", None), ("31.01/2026", None), (None, None)),
    ],
)
def test_a_hint_has_the_form_of_the_date(text, message):
    found = hint_of(text)
    assert found is None if message is None else found is not None and message in found


@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("%d.%m", "has no year"),
        ("%Y %Q", "expected one such as"),
        ("%m.%d.%Y", "'13.02.2026' at line 14"),
    ],
)
def test_a_format_that_does_not_fit_is_an_error(format, words, tmp_path, capsys):
    place = tmp_path / "d.csv"
    place.write_text(lines("{day}.02.2026"))
    assert main(["forecast", str(place), "--time", "when", "--date-format", format]) == 1
    assert words in capsys.readouterr().err


def test_the_model_file_has_the_format(tmp_path, capsys):
    place, model = tmp_path / "d.csv", str(tmp_path / "m.safetensors")
    place.write_text(lines("{day}.02.2026"))
    flags = ["--date-format", "%d.%m.%Y", "--horizon", "2", "--max-iter", "1", "--hidden-size", "2"]
    assert main(["fit", "forecaster", str(place), "--time", "when", *flags, "--quiet", "--save", model]) == 0
    assert main(["predict", model, str(place)]) == 0
    assert "a,2026-03-01," in capsys.readouterr().out


def test_times_within_a_sequence_have_the_format(tmp_path, capsys):
    place = tmp_path / "d.csv"
    rows = [f"{day}.02.2026,{n},{n % 2}.5,{'xy'[n % 2]}\n" for n in range(8) for day in DAYS[:3]]
    place.write_text("when,id,a,label\n" + "".join(rows))
    flags = ["--target", "label", "--id", "id", "--time", "when", "--max-iter", "1", "--quiet"]
    assert main(["fit", "classifier", str(place), *flags]) == 1
    assert "--date-format '%d.%m.%Y'" in capsys.readouterr().err
    assert main(["fit", "classifier", str(place), *flags, "--date-format", "%d.%m.%Y"]) == 0


def months(rows: dict[int, str], form: str = "2026-{:02}-01") -> str:
    """A file of dates; rows: other dates by their line."""
    dates = [rows.get(n + 1, form.format(n)) for n in range(1, 13)]
    return "when,note,a\n" + "".join(f"{one},n{n},{n % 5}.5\n" for n, one in enumerate(dates))


@pytest.mark.parametrize(
    ("text", "format", "words"),
    [
        (months({9: "31.01.2026"}), "", "'31.01.2026' at line 9; expected a date such as 2026-01-31"),
        (months({9: "2026-02-30"}), "", "'2026-02-30' at line 9; expected a date such as 2026-01-31"),
        (months({9: ""}), "", "no date at line 9"),
        (months({2: "total"}), "", "'total' at line 2; expected a date"),
        (months({4: "03/04/2026"}, "01.{:02}.2026"), "", "'03/04/2026' at line 4, which is not written as '"),
        (
            months({4: "3.4.26"}, "01.{:02}.2026"),
            "%d.%m.%Y",
            "'3.4.26' at line 4, which is not written as %d",
        ),
        (months({}, "2026-{:02}-01T10:00Z"), "", "'2026-01-01T10:00Z' at line 2; expected a date such as"),
    ],
)
def test_dates_that_do_not_fit_are_left_out_with_the_line_of_the_first(text, format, words, tmp_path, capsys):
    place = tmp_path / "d.csv"
    place.write_text(text)
    assert read_series(str(place), Layout(date_format=format), needs_dates=False).time is None
    printed = capsys.readouterr().err
    assert (
        f"the column 'when' has {words}" in printed and "dates are left out: each line is a step" in printed
    )
    assert printed.count("\n") == 1  # nothing of the column of notes


def test_a_column_that_is_read_needs_no_reason_for_another(tmp_path, capsys):
    place = tmp_path / "d.csv"
    place.write_text("other,when,a\n" + "".join(f"{n}.1.2026,2026-{n:02}-01,{n}.5\n" for n in range(1, 13)))
    assert read_series(str(place), Layout()).time == "when" and capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("format", "words"),
    [("%Y-%m-%dT%H:%M%z", "time zones are not read"), ("%Y %Z", "time zones are not read"), ("", "is empty")],
)
def test_a_format_with_a_time_zone_and_an_empty_one_are_errors(format, words, tmp_path, capsys):
    place = tmp_path / "d.csv"
    place.write_text(lines("2026-02-{day}T10:00+0100"))
    assert main(["forecast", str(place), "--date-format", format]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("flags", "times"), [([], "{}"), (["--date-format", "%Y"], "20{:02}")])
def test_a_missing_time_is_named_with_its_line(flags, times, tmp_path, capsys):
    place = tmp_path / "d.csv"
    rows = [f"s,{'' if n == 6 else times.format(n)},{n}.5" for n in range(20)]
    place.write_text("\n".join(["id,when,a", *rows]))
    arguments = ["--id", "id", "--time", "when", "--target", "a", *flags]
    assert main(["fit", "forecaster", str(place), *arguments]) == 1
    assert "the column 'when' has no time at line 8" in capsys.readouterr().err


def test_a_wrong_horizon_is_named_before_the_held_out_steps(tmp_path, capsys):
    place = tmp_path / "d.csv"
    place.write_text(lines("2026-02-{day}"))
    assert main(["fit", "forecaster", str(place), "--horizon", "-1"]) == 1
    printed = capsys.readouterr().err
    assert "--horizon is -1" in printed and "--held-out" not in printed
