"""`ostinato fit forecaster`, and `ostinato predict` with its model."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.main import main

FAST = ["--max-iter", "2", "--hidden-size", "4", "--season", "4"]
T = 40


def values() -> dict[str, np.ndarray[Any, Any]]:
    rng, t = np.random.default_rng(0), np.arange(T)
    return {
        name: np.round(9 + n + np.sin(np.pi * t / 2) + rng.normal(size=T) / 9, 3)
        for n, name in enumerate("ab")
    }


def write(path: Path, lines: list[list[Any]]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return str(path)


def wide(path: Path) -> str:
    return write(
        path,
        [
            ["month", "a", "b"],
            *([f"m{n}", *row] for n, row in enumerate(zip(*values().values(), strict=True))),
        ],
    )


def long(path: Path, without: int | None = None) -> str:
    """Months from 2020 on; without: a row to leave out."""
    months = np.datetime64("2020-01") + np.arange(T)
    rows = [
        [name, f"{month}-01", x]
        for name, row in values().items()
        for month, x in zip(months, row, strict=True)
    ]
    return write(path, [["region", "month", "sales"], *(row for n, row in enumerate(rows) if n != without)])


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_the_model_is_measured_on_its_last_steps_and_then_reads_them(tmp_path, capsys):
    data, model = wide(tmp_path / "d.csv"), str(tmp_path / "m.safetensors")
    assert main(["fit", "forecaster", data, "--horizon", "3", "--save", model, "--quiet", *FAST]) == 0
    streams = capsys.readouterr()
    assert "held-out MASE" in streams.out and "the last 3 steps of 2 of 2 series" in streams.out
    assert "seasonal_naive" in streams.out and streams.err == f"{data}: series: a, b; left out: month\n"
    same = ost.Forecaster(horizon=3, season=4, hidden_size=4, max_iter=2, random_state=0)
    same.fit({name: one[:-3] for name, one in values().items()})
    for name, one in values().items():
        same.update(name, one[-3:])
    fitted = ost.load(model)
    assert np.array_equal(fitted.predict_quantiles(), same.predict_quantiles())
    assert main(["predict", model]) == 0
    lines = read(capsys.readouterr().out)
    assert lines[0] == ["series", "step", "low", "median", "high"] and len(lines) == 7
    assert [float(one[3]) for one in lines[1:]] == pytest.approx(fitted.predict().ravel(), rel=1e-5)
    assert main(["predict", model, data, "--horizon", "2", "--output", str(tmp_path / "o.csv")]) == 0
    assert read((tmp_path / "o.csv").read_text())[1:] == [one for one in lines[1:] if one[1] != "3"]


def test_a_long_file_is_the_same_as_a_wide_one_and_has_times(tmp_path, capsys):
    flags = ["--id", "region", "--time", "month", "--target", "sales", "--season", "4", "--horizon", "2"]
    assert main(["forecast", wide(tmp_path / "w.csv"), "--season", "4", "--horizon", "2"]) == 0
    expected = read(capsys.readouterr().out)
    assert main(["forecast", long(tmp_path / "l.csv"), *flags, "--save", str(tmp_path / "m")]) == 0
    found = read(capsys.readouterr().out)
    assert [one[:1] + one[2:] for one in found] == [one[:1] + one[2:] for one in expected]
    assert [one[1] for one in found] == ["month", *["2023-05-01", "2023-06-01"] * 2]
    # a saved model predicts what `forecast` printed
    assert main(["predict", str(tmp_path / "m"), str(tmp_path / "l.csv")]) == 0
    assert read(capsys.readouterr().out) == found
    # also without the data, because the model knows its dates
    assert main(["predict", str(tmp_path / "m")]) == 0
    assert read(capsys.readouterr().out) == found
    table = ost.load(tmp_path / "m").predict_table(1)
    assert list(table)[:3] == ["region", "month", "sales"]


@pytest.mark.parametrize("kind", ["forecaster", "state-space"])
def test_a_model_knows_the_dates_after_the_steps_that_were_held_out(kind, tmp_path, capsys):
    lines = [["time", "id", "y"], *([f"2024-{n + 1:02}-28", n % 4, 9 + n % 3] for n in range(12))]
    model, data = str(tmp_path / "m"), write(tmp_path / "d.csv", lines)
    flags = ["--horizon", "2", "--save", model, "--season", "1"]
    flags += ["--max-iter", "2", "--hidden-size", "4", "--quiet"] if kind == "forecaster" else []
    assert main(["fit", kind, data, *flags]) == 0
    capsys.readouterr()
    assert main(["predict", model]) == 0
    found = read(capsys.readouterr().out)
    assert found[0][:2] == ["series", "time"]
    assert [one[:2] for one in found[1:3]] == [["id", "2025-01-28"], ["id", "2025-02-28"]]


def test_a_month_that_is_left_out_is_a_missing_value(tmp_path, capsys):
    flags = ["--id", "region", "--time", "month", "--target", "sales", "--horizon", "2", "--quiet", *FAST]
    model = str(tmp_path / "m")
    assert (
        main(["fit", "forecaster", long(tmp_path / "l.csv", 7), *flags, "--save", model, "--held-out", "0"])
        == 0
    )
    streams = capsys.readouterr().out
    assert "2 series of 40 steps" in streams and "nothing is held out" in streams
    gap = values()
    gap["a"][7] = np.nan
    same = ost.Forecaster(horizon=2, season=4, hidden_size=4, max_iter=2, random_state=0).fit(gap)
    assert np.array_equal(ost.load(model).predict(), same.predict())


def test_one_series_needs_a_time_and_no_id(tmp_path, capsys):
    lines = [["day", "y"], *([f"2024-01-{n + 1:02}T12:00", n % 4] for n in range(28))]
    model, data = str(tmp_path / "m"), write(tmp_path / "d.csv", lines)
    flags = ["--time", "day", "--target", "y", "--horizon", "2", "--quiet", "--save", model, *FAST]
    assert main(["fit", "forecaster", data, *flags]) == 0
    capsys.readouterr()
    assert main(["predict", model, data]) == 0
    found = read(capsys.readouterr().out)
    assert [one[:2] for one in found[1:]] == [["y", "2024-01-29T12:00:00"], ["y", "2024-01-30T12:00:00"]]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--transform", "log"], "the series 'y' has -1.0 at 30; the model forecasts logarithms"),
        (["--distribution", "negative_binomial"], "y['y'] has -1.0 at 30"),
    ],
)
def test_held_out_values_that_the_model_cannot_read_are_refused_before_the_fit(
    flags, words, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(ost.Forecaster, "fit", lambda *_: pytest.fail("fitted"))
    lines = [["y"], *([x] for x in [*range(1, 31), -1, -2])]
    data = write(tmp_path / "d.csv", lines)
    assert main(["fit", "forecaster", data, "--horizon", "2", *flags]) == 1
    assert words in capsys.readouterr().err


def test_held_out_steps_that_cannot_be_measured_are_told(tmp_path, capsys):
    data = write(tmp_path / "d.csv", [["y"], *[[3]] * 30])
    assert main(["fit", "forecaster", data, "--horizon", "2", "--quiet", *FAST]) == 0
    assert "the held-out steps have no MASE" in capsys.readouterr().out


@pytest.mark.parametrize("transform", [[], ["--transform", "auto"]])
def test_values_below_zero_at_the_end_decide_the_transform(transform, tmp_path, capsys):
    model = str(tmp_path / "m")
    lines = [["y"], *([x] for x in [*range(1, 31), -1, -2])]
    flags = ["--horizon", "2", "--quiet", "--save", model, *FAST, *transform]
    assert main(["fit", "forecaster", write(tmp_path / "d.csv", lines), *flags]) == 0
    assert ost.load(model).transform == "none" and "held-out MASE" in capsys.readouterr().out


def test_a_picture_of_the_forecasts(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="make test installs the extra [plot]")
    picture = tmp_path / "out.png"
    flags = ["--plot", str(picture), "--horizon", "2", *FAST]
    assert main(["fit", "forecaster", wide(tmp_path / "d.csv"), "--target", "b", *flags]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    streams = capsys.readouterr()
    assert "1 series of 40 steps" in streams.out and "epoch 0" in streams.err


LONG = "id,time,y\n" + "".join(f"{s},2020-{m:02},{m}.5\n" for s in "ab" for m in range(1, 13))
IDS = ["--id", "id", "--time", "time", "--target", "y"]


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        (LONG, ["--id", "id"], "--id is given, so each line is a step of one series; give one --target"),
        (LONG, [*IDS, "--target", "id"], "Without --id, each column is a series"),
        (LONG, ["--time", "time"], "at line 14 after 2020-12"),
        (LONG, [], "name the column of their names with --id, and to count lines as steps, give --ignore"),
        (LONG, ["--ignore", "z"], "--ignore is 'z', which no column has"),
        (LONG, [*IDS, "--ignore", "y"], "--target is 'y', which is --ignore too"),
        (LONG, ["--id", "di", "--target", "y"], "--id is 'di', which no column has; columns: id, time, y"),
        (LONG, ["--target", "y", "--target", "y"], "--target names a column twice: y, y"),
        (LONG, ["--seed", "-1", *IDS], "--seed is -1"),
        (LONG, ["--target", "z"], "--target is 'z'; the columns of numbers are y"),
        (LONG.replace("b,2020-05", "b,2020-04"), IDS, "the series 'b' has 2020-04-01"),
        (LONG.replace("b,2020-05", "b,2020-04"), IDS, "at line 18, as at line 17"),
        (LONG.replace("b,2020-05", "b,May"), IDS, "the column 'time' has 'May' at line 18"),
        (
            LONG.replace("b,2020-05,5.5", "b,2020-05,x"),
            IDS,
            "the column 'y' has 'x' at line 18; expected a number",
        ),
        (
            LONG.replace("b,2020-05,5.5", ",2020-05,x"),
            ["--held-out", "9", *IDS],
            "the column 'y' has 'x' at line 18",
        ),
        ("id,time,y\n", IDS, "no line below the names"),
        (LONG, ["--held-out", "9", *IDS], "--held-out is 9; expected 0 to 2"),
        (LONG, ["--season", "0", *IDS], "season is 0"),
        (LONG, ["--quantiles", "0.1,0.9", *IDS], "without 0.5"),
    ],
)
def test_data_and_flags_that_cannot_be_used(text, flags, words, tmp_path, capsys):
    place = tmp_path / "data.csv"
    place.write_text(text)
    command = ["fit", "forecaster", str(place), "--horizon", "2", "--quiet", "--max-iter", "1"]
    assert main([*command, *flags]) == 1
    assert words in capsys.readouterr().err


def test_flags_of_predict_that_do_not_fit_the_model(tmp_path, capsys):
    model, data = str(tmp_path / "m"), wide(tmp_path / "d.csv")
    assert main(["fit", "forecaster", data, "--horizon", "2", "--quiet", "--save", model, *FAST]) == 0
    classifier = str(tmp_path / "c")
    ost.SequenceClassifier(max_iter=1, hidden_size=2).fit([[0.0, 1.0], [1.0, 0.0]], [0, 1]).save(classifier)
    capsys.readouterr()
    for arguments, words in (
        ([model, "--target", "a"], "--target is given without a file"),
        ([model, "--ignore", "a"], "--ignore is given without a file"),
        ([model, "--horizon", "0"], "horizon is 0"),
        ([classifier], "holds a SequenceClassifier; give a CSV file"),
        ([classifier, data, "--horizon", "2"], "--horizon is given, but"),
    ):
        assert main(["predict", *arguments]) == 1
        assert words in capsys.readouterr().err
