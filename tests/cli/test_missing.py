"""In columns of text only an empty cell is missing: "nan" is a word, a name, a label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.main import main
from ostinato.cli.reading.answers import known_labels
from ostinato.cli.reading.table import without_value

NAN = ["nan", "NaN", "Nan"]
FAST = ["--max-iter", "1", "--hidden-size", "2", "--quiet"]


@pytest.mark.parametrize("nan", NAN)
def test_the_rule(nan):
    assert without_value([nan, "x", "", " ", "none"]) == [False, False, True, True, False]
    assert without_value([nan, "1", "-2.5"]) == [True, False, False]  # a column of numbers
    assert without_value([nan, nan]) == [False, False]


@pytest.mark.parametrize("nan", NAN)
def test_a_text_and_an_answer_may_be_nan(nan, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [nan, "abc", "bca", "cab"] * 4
    ost.Seq2Seq(max_iter=1, hidden_size=2, random_state=0).fit(words, words).save("m.safetensors")
    Path("d.csv").write_text(f"x,y\nabc,abc\n{nan},{nan}\nabc,\n")
    assert main(["predict", "m.safetensors", "d.csv", "--target", "y"]) == 0
    printed = capsys.readouterr()
    assert [line[0] for line in printed.out.splitlines()[1:]] == ["2", "3", "4"]
    assert "of 2 sequences" in printed.err
    Path("d.csv").write_text("x,y\nabc,abc\n ,x\n")
    assert main(["predict", "m.safetensors", "d.csv", "--target", "y"]) == 1
    assert "the column 'x' has no value at line 3" in capsys.readouterr().err


def test_names_words_and_labels_may_be_nan(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(name, word, label) for name in ("nan", "b", "c") for word, label in (("nan", "NaN"), ("x", "y"))]
    Path("d.csv").write_text("id,word,label\n" + "".join(f"{','.join(row)}\n" for row in rows))
    flags = ["--id", "id", "--target", "label", "--held-out", "0", *FAST]
    assert main(["fit", "tagger", "d.csv", *flags, "--save", "m.safetensors"]) == 0
    assert "2 classes: NaN (3), y (3)" in capsys.readouterr().out
    assert main(["predict", "m.safetensors", "d.csv"]) == 0
    assert "of 6 steps" in capsys.readouterr().err


def test_nan_among_labels_that_are_numbers_is_missing(tmp_path: Path, capsys):
    place = tmp_path / "d.csv"
    place.write_text("label,a,b\n0,1,2\nnan,1,2\n1,2,1\n")
    assert main(["fit", "classifier", str(place), "--target", "label"]) == 1
    assert "the column 'label' has no label at line 3" in capsys.readouterr().err


@pytest.mark.parametrize(("classes", "count"), [(np.array([0, 1]), 1), (np.array(["0", "Nan"]), 2)])
def test_a_known_label_may_be_nan_if_labels_are_texts(classes, count):
    places, _ = known_labels(["0", "Nan", ""], classes)
    assert len(places) == count


@pytest.mark.parametrize("text", ["label|a|b\nx|1|2\ny|2|1\n", "label|a\nx|1,5\ny|2,5\n"])
def test_bars_between_cells_are_an_error_that_names_what_separates(text, tmp_path: Path, capsys):
    place = tmp_path / "d.csv"
    place.write_text(text)
    assert main(["fit", "classifier", str(place), "--target", "label"]) == 1
    printed = capsys.readouterr().err
    assert "the header is one cell" in printed and "commas, semicolons or tabs" in printed
