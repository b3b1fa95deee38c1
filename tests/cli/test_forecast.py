"""`ostinato forecast`: a CSV file in, forecasts as CSV out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.main import main


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
