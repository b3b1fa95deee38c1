"""`ostinato fit` and `ostinato predict`: a CSV file in, a model and predictions out."""

from __future__ import annotations

import csv
import io
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.kinds.parameter_flags import reader
from ostinato.cli.main import main
from ostinato.cli.reading.answers import known_labels
from ostinato.models.base.held_out import split

FAST = ["--max-iter", "2", "--hidden-size", "4", "--quiet"]


def write(path: Path, lines: list[list[Any]]) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return str(path)


def waves(count: int = 24) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """Labels and sequences of 5 to 9 steps, as a CSV file has them."""
    rng = np.random.default_rng(0)
    found = []
    for n in range(count):
        steps = rng.normal(size=5 + n % 5) + (n % 2)
        found.append((("up", "down")[n % 2], np.round(steps, 3)))
    return found


def wide(path: Path, target: str = "label", numbers: bool = False) -> str:
    lines: list[list[Any]] = [["label", *(f"t{n}" for n in range(9))]]
    for label, x in waves():
        lines.append([x.mean().round(3) if numbers else label, *x, *[""] * (9 - len(x))])
    return write(path, lines)


def long(path: Path, words: bool = False) -> str:
    lines: list[list[Any]] = [["run", "minute", "label", "state", "a", "b"]]
    for n, (label, x) in enumerate(waves()):
        for t, one in enumerate(x):
            lines.append([f"r{n}", t, label, "high" if one > 0.5 else "low", one, -one])
    if words:
        lines = [[*line[:4], f"w{line[4]}"] for line in lines]
    return write(path, lines)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_wide_file_is_fitted_as_in_python_and_predicted(tmp_path, capsys):
    data, model = wide(tmp_path / "data.csv"), str(tmp_path / "m.safetensors")
    assert main(["fit", "classifier", data, "--target", "label", "--save", model, "--seed", "3", *FAST]) == 0
    printed = capsys.readouterr()
    assert "24 sequences of 5 to 9 steps of 1 feature; 2 classes: down (12), up (12)" in printed.out
    assert "held-out accuracy" in printed.out and "of 5 sequences" in printed.out
    assert printed.err == f"{data}: target: label; steps: t0, t1, t2, ..., t8 (9 columns)\n"
    fitted = ost.load(model)
    assert (fitted.hidden_size, fitted.max_iter, fitted.random_state) == (4, 2, 3)
    # The same fit in Python.
    x, y = [x for _, x in waves()], np.array([label for label, _ in waves()])
    training, _ = split("", 24, 0.2, 3, np.unique(y, return_inverse=True)[1])
    same = ost.SequenceClassifier(hidden_size=4, max_iter=2, random_state=3)
    same.fit([x[n] for n in training], y[training])
    assert np.array_equal(same.predict_proba(x), fitted.predict_proba(x))

    assert main(["predict", model, data]) == 0
    printed = capsys.readouterr()
    lines = read(printed.out)
    assert lines[0] == ["line", "predicted", "p(down)", "p(up)"]
    assert [one[1] for one in lines[1:]] == fitted.predict(x).tolist()
    assert [one[0] for one in lines[1:]] == [str(n) for n in range(2, 26)]
    assert [float(one[2]) for one in lines[1:]] == pytest.approx(fitted.predict_proba(x)[:, 0], rel=1e-5)
    assert f"accuracy {np.mean(fitted.predict(x) == y):.3f}" in printed.err


def test_a_long_file_is_fitted_whatever_the_kind(tmp_path, capsys):
    data, model = long(tmp_path / "data.csv"), str(tmp_path / "m.safetensors")
    x = [np.column_stack([x, -x]) for _, x in waves()]
    flags = ["--id", "run", "--time", "minute", "--save", model, *FAST]
    assert main(["fit", "classifier", data, "--target", "label", "--ignore", "state", *flags]) == 0
    assert "24 sequences of 5 to 9 steps of 2 features" in capsys.readouterr().out
    assert main(["predict", model, data]) == 0
    lines = read(capsys.readouterr().out)
    assert lines[1][0] == "r0" and [one[1] for one in lines[1:]] == ost.load(model).predict(x).tolist()

    assert main(["fit", "tagger", data, "--target", "state", "--ignore", "label", *flags]) == 0
    assert "held-out accuracy" in capsys.readouterr().out
    out = tmp_path / "out.csv"
    assert main(["predict", model, data, "--output", str(out)]) == 0
    lines = read(out.read_text())
    assert lines[0] == ["run", "minute", "predicted"] and lines[1][:2] == ["r0", "0"]
    assert [one[2] for one in lines[1:]] == np.concatenate(ost.load(model).predict(x)).tolist()
    assert capsys.readouterr().out == ""


def test_words_are_tagged(tmp_path, capsys):
    data, model = long(tmp_path / "data.csv", words=True), str(tmp_path / "m.safetensors")
    flags = ["--id", "run", "--ignore", "label", "--ignore", "minute", "--save", model, *FAST]
    assert main(["fit", "tagger", data, "--target", "state", *flags]) == 0
    assert "24 sequences of 5 to 9 words; 2 classes" in capsys.readouterr().out
    assert main(["predict", model, data]) == 0
    assert read(capsys.readouterr().out)[0] == ["run", "step", "predicted"]


def test_numbers_are_predicted_and_the_answer_need_not_be_there(tmp_path, capsys):
    data, model = wide(tmp_path / "data.csv", numbers=True), str(tmp_path / "m.safetensors")
    flags = ["--save", model, *FAST]
    assert main(["fit", "regressor", data, "--target", "label", *flags]) == 0
    assert "held-out R^2" in capsys.readouterr().out
    lines = read(Path(data).read_text())
    unknown = write(tmp_path / "new.csv", [line[1:] for line in lines])
    assert main(["predict", model, unknown]) == 0
    printed = capsys.readouterr()
    found = ost.load(model).predict([x for _, x in waves()])
    assert [float(one[1]) for one in read(printed.out)[1:]] == pytest.approx(found, rel=1e-5)
    assert printed.err == ""
    assert main(["predict", model, data]) == 0
    assert capsys.readouterr().err.startswith("R^2")
    # two numbers
    two = write(tmp_path / "two.csv", [["other", *lines[0]], *([2 * float(r[0]), *r] for r in lines[1:])])
    assert main(["fit", "regressor", two, "--target", "label", "--target", "other", *flags]) == 0
    capsys.readouterr()
    assert main(["predict", model, two]) == 0
    assert read(capsys.readouterr().out)[0] == ["line", "predicted label", "predicted other"]


@pytest.mark.parametrize("kind", ["classifier", "regressor", "tagger"])
def test_a_picture_is_drawn(kind, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="make test installs the extra [plot]")
    picture = tmp_path / "fit.png"
    flags = [*FAST, "--plot", str(picture)]
    if kind == "tagger":
        flags += ["--target", "state", "--id", "run", "--ignore", "label", "--ignore", "minute"]
        data = long(tmp_path / "data.csv")
    else:
        data = wide(tmp_path / "data.csv", numbers=kind == "regressor")
        flags += ["--target", "label"]
    assert main(["fit", kind, data, *flags]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG") and str(picture) in capsys.readouterr().out


def test_every_parameter_is_a_flag_or_is_set_by_another_flag(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "classifier", "--help"])
    printed = capsys.readouterr().out
    others = {"cell_options", "random_state", "verbose", "warm_start"}
    for name in set(ost.SequenceClassifier().get_params()) - others:
        assert f"--{name.replace('_', '-')}" in printed, name


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--hidden-size", "0"], "hidden_size is 0"),
        (["--cell", "gruu"], "did you mean 'gru'"),
        (["--learning-rate-init", "-1"], "learning_rate_init is -1"),
        (["--pooling", "mean,middle"], "pooling is"),
        (["--seed", "-1"], "fit: --seed is -1; expected an integer"),
        (["--held-out", "1"], "--held-out is 1; expected a share"),
        (["--held-out", "nan"], "--held-out is nan; expected a share"),
        (["--target", "t1"], "--target is given 2 times"),
        (["--time", "t1"], "--time is 't1', but the file has a sequence in each line"),
        (["--ignore", "label"], "--target is 'label', which is --ignore too"),
        (["--ignore", "labell"], "--ignore is 'labell', which no column has; did you mean 'label'?"),
    ],
)
def test_flags_that_do_not_fit_are_an_error(flags, words, tmp_path, capsys):
    data = wide(tmp_path / "data.csv")
    assert main(["fit", "classifier", data, "--target", "label", "--quiet", "--max-iter", "1", *flags]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("flag", [["--hidden-size", "many"], ["--early-stopped"], ["--num-layers", "1.5"]])
def test_wrong_usage_has_the_exit_code_2(flag, tmp_path, capsys):
    data = wide(tmp_path / "data.csv")
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "classifier", data, "--target", "label", *flag])
    assert stopped.value.code == 2 and flag[0] in capsys.readouterr().err


WIDE = "label,t0,t1,t2\nx,1,2,3\ny,2,3,4\nx,1,2,\n"
LONG = "id,time,label,a\n1,1,x,0.5\n1,2,x,0.5\n2,1,y,0.5\n2,2,y,0.5\n"
ID = ["--id", "id", "--time", "time"]


@pytest.mark.parametrize(
    ("kind", "text", "flags", "words"),
    [
        ("classifier", WIDE.replace("y", "x"), [], "the column 'label' has only one class, 'x'"),
        ("classifier", WIDE.replace("y,2", ",2"), [], "the column 'label' has no label at line 3"),
        ("classifier", WIDE.replace("2,3,4", "2,,4"), [], "the column 't1' has no value at line 3"),
        (
            "classifier",
            WIDE.replace("2,3,4", "2,nan,4"),
            [],
            "the column 't1' has 'nan', no value, at line 3",
        ),
        ("classifier", WIDE.replace("2,3,4", "2,inf,4"), [], "the column 't1' has 'inf' at line 3"),
        (
            "classifier",
            WIDE.replace("2,3,4", "2,a,4"),
            [],
            "the column 't1' has 'a' at line 3; expected a nu",
        ),
        (
            "classifier",
            WIDE.replace("2,3,4", '"2,5",3,4'),
            [],
            "'2,5' at line 3; expected a number with a dec",
        ),
        ("classifier", WIDE.replace("2,3,4", "2,1_0,4"), [], "has '1_0' at line 3; expected a number"),
        ("classifier", WIDE.replace("2,3,4", ",,"), [], "line 3 has no number"),
        ("classifier", WIDE.replace("2,3,4", "2,3"), [], "line 3 has 3 cells; the header has 4"),
        ("classifier", WIDE.replace("t1", "t0"), [], "two columns have the name 't0'"),
        ("classifier", "label\nx\ny\n", [], "no column is left to learn from"),
        ("classifier", "label,t0\n", [], "no line below the names"),
        ("classifier", "", [], "the file is empty; expected sequences"),
        ("classifier", "1,2,3\n2,3,4\n", [], "the first line has numbers"),
        (
            "classifier",
            WIDE.rpartition("x")[0],
            [],
            "2 sequences are too few to hold out 0.2 of them; give more, or --held-out 0",
        ),
        (
            "regressor",
            WIDE,
            [],
            "the column 'label' has 'x' at line 2; a regressor expects numbers; for classes",
        ),
        (
            "regressor",
            WIDE.replace("x", "1").replace("y", ""),
            [],
            "the column 'label' has no value at line 3",
        ),
        ("tagger", LONG, [], "--id is missing"),
        (
            "classifier",
            LONG.replace("1,2,x", "1,2,y"),
            ID,
            "has 'x' and, at line 3, 'y' for id 1; expected one",
        ),
        ("classifier", LONG.replace("2,1,y", "2,2,y"), ID, "the series '2' has 2 at line 5, as at line 4"),
        ("classifier", LONG.replace("2,1,y", "2,3,y"), ID, "the series '2' has 2 at line 5 after 3"),
        ("classifier", LONG.replace("2,1,y", ",1,y"), ID, "the column 'id' has None at line 4"),
        ("classifier", LONG.replace("2,1,y", "2,,y"), ID, "the column 'time' has"),
        ("classifier", LONG.replace("2,1,y,0.5", "2,1,y,"), ID, "the column 'a' has no value at line 4"),
        ("classifier", LONG.replace("2,1,y,0.5", "2,1,y,n"), ID, "the column 'a' has 'n' at line 4"),
        ("tagger", LONG.replace("2,1,y", "2,1,"), ID, "the column 'label' has no label at line 4"),
        ("tagger", LONG.replace("y", "x"), ID, "the column 'label' has only one class"),
    ],
)
def test_data_that_cannot_be_used_is_an_error_that_names_the_line(kind, text, flags, words, tmp_path, capsys):
    place = tmp_path / "data.csv"
    place.write_text(text)
    assert main(["fit", kind, str(place), "--target", "label", *FAST, *flags]) == 1
    assert words in capsys.readouterr().err


def test_an_unknown_column_is_named_with_the_likely_one(tmp_path, capsys):
    assert main(["fit", "classifier", wide(tmp_path / "d.csv"), "--target", "lable"]) == 1
    assert "--target is 'lable', which no column has; did you mean 'label'?" in capsys.readouterr().err


def test_a_file_that_is_not_there_and_places_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ost.SequenceClassifier, "fit", lambda *_: pytest.fail("fitted"))
    assert main(["fit", "classifier", str(tmp_path / "none.csv"), "--target", "label"]) == 1
    assert "none.csv" in capsys.readouterr().err
    data = wide(tmp_path / "data.csv")
    for flag in ("--save", "--plot"):
        assert (
            main(["fit", "classifier", data, "--target", "label", flag, str(tmp_path / "no" / "x.png")]) == 1
        )
        assert f"{flag} is" in capsys.readouterr().err


@pytest.fixture
def saved(tmp_path, capsys):
    model = str(tmp_path / "m.safetensors")
    assert (
        main(["fit", "classifier", wide(tmp_path / "d.csv"), "--target", "label", "--save", model, *FAST])
        == 0
    )
    capsys.readouterr()
    return model


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "label,t0,t1\nx,1,2\n",
            "lacks the columns t2, t3, t4, t5, t6 and 2 more, compared with the data of the",
        ),
        ("label,a,b\nx,1,2\n", "has the columns a, b and lacks the columns t0"),
        ("label," + ",".join(f"t{n}" for n in range(10)) + "\nx" + ",1" * 10 + "\n", "has the columns t9"),
    ],
)
def test_a_file_of_other_columns_is_refused(text, words, saved, tmp_path, capsys):
    place = tmp_path / "other.csv"
    place.write_text(text)
    assert main(["predict", saved, str(place)]) == 1
    printed = capsys.readouterr()
    assert words in printed.err and printed.out == ""


def test_columns_in_another_order_are_read_by_their_names(saved, tmp_path, capsys):
    assert main(["predict", saved, str(tmp_path / "d.csv")]) == 0
    before = capsys.readouterr().out
    lines = read((tmp_path / "d.csv").read_text())
    other = write(tmp_path / "other.csv", [line[::-1] for line in lines])
    assert main(["predict", saved, other]) == 0
    assert capsys.readouterr().out == before


def test_a_model_that_is_no_estimator_of_sequences_is_refused(tmp_path, capsys):
    data, path = wide(tmp_path / "d.csv"), tmp_path / "net.safetensors"
    ost.Sequential(ost.LSTM(1, 2)).save(path)
    assert main(["predict", str(path), data]) == 1
    assert "holds a network without an estimator" in capsys.readouterr().err
    ost.LanguageModel(max_iter=1, hidden_size=4, batch_size=2).fit("so la ti do " * 20).save(path)
    assert main(["predict", str(path), data]) == 1
    assert "holds a LanguageModel" in capsys.readouterr().err
    path.write_text("nothing")
    assert main(["predict", str(path), data]) == 1
    assert str(path) in capsys.readouterr().err


def test_a_model_of_python_predicts_a_file_whose_columns_flags_name(tmp_path, capsys):
    x, y = [x for _, x in waves()], [label for label, _ in waves()]
    model = ost.SequenceClassifier(hidden_size=4, max_iter=1, random_state=0).fit(x, y)
    path = str(tmp_path / "m.safetensors")
    model.save(path)
    assert main(["predict", path, wide(tmp_path / "d.csv"), "--ignore", "label"]) == 0
    assert [one[1] for one in read(capsys.readouterr().out)[1:]] == model.predict(x).tolist()


def test_whole_numbers_are_classes_and_fractions_are_not(tmp_path, capsys):
    lines = read(Path(wide(tmp_path / "d.csv")).read_text())
    model = str(tmp_path / "m.safetensors")
    for labels, code in ((("0", "1"), 0), (("0.5", "1.25"), 1)):
        named = [lines[0], *([labels[one[0] == "up"], *one[1:]] for one in lines[1:])]
        data = write(tmp_path / "n.csv", named)
        assert main(["fit", "classifier", data, "--target", "label", "--save", model, *FAST]) == code
    assert "regressor" in capsys.readouterr().err.lower()
    assert ost.load(model).classes_.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("007", "7"), ["007", "7"]),
        (("1_000", "2"), ["1_000", "2"]),
        (("inf", "1"), ["1", "inf"]),
        (("1e3", "1000"), ["1000", "1e3"]),
        (("1.0", "2.0"), ["1.0", "2.0"]),
        (("+1", "-1"), ["+1", "-1"]),
        (("-0", "0"), ["-0", "0"]),
        (("9" * 30, "1"), ["1", "9" * 30]),
        (("-1", "10"), [-1, 10]),
    ],
)
def test_labels_are_numbers_only_if_each_is_written_as_python_writes_it(labels, classes, tmp_path, capsys):
    lines = read(Path(wide(tmp_path / "d.csv")).read_text())
    data = write(tmp_path / "n.csv", [lines[0], *([labels[one[0] == "up"], *one[1:]] for one in lines[1:])])
    model = str(tmp_path / "m.safetensors")
    assert main(["fit", "classifier", data, "--target", "label", "--save", model, *FAST]) == 0
    assert ost.load(model).classes_.tolist() == classes
    assert main(["predict", model, data]) == 0
    assert "no class of the model" not in capsys.readouterr().err


def test_other_writings_of_a_number_are_no_class_but_that_of_pandas_is():
    places, found = known_labels(["7", "7.0", "007", "7_0", "", "-7", "70"], np.array([7, 70]))
    assert places.tolist() == [0, 1, 2, 3, 5, 6] and found.tolist() == [7, 7, "007", "7_0", "-7", 70]


def test_the_steps_of_a_tagger_whose_labels_are_no_class_are_counted(tmp_path, capsys):
    data, model = long(tmp_path / "data.csv"), str(tmp_path / "m.safetensors")
    flags = ["--id", "run", "--time", "minute", "--ignore", "label", "--save", model, *FAST]
    assert main(["fit", "tagger", data, "--target", "state", *flags]) == 0
    other = tmp_path / "other.csv"
    other.write_text(Path(data).read_text().replace("high", "higher"))
    steps = Path(data).read_text().count("high")
    capsys.readouterr()
    assert main(["predict", model, str(other)]) == 0
    first = next(n for n, line in enumerate(other.read_text().splitlines(), 1) if "higher" in line)
    words = f"; {steps} labels (the first: 'higher', line {first}) are no class of the model (high, low)"
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_the_index_that_pandas_writes_is_no_step_and_no_feature(name, tmp_path, capsys):
    model, printed = str(tmp_path / "m.safetensors"), f"left out: {name or repr('') + ' (no name)'}\n"
    shown = []
    for made, flags in ((wide, []), (long, ["--id", "run", "--time", "minute", "--ignore", "state"])):
        plain = made(tmp_path / "plain.csv")
        lines = read(Path(plain).read_text())
        data = write(tmp_path / "d.csv", [[name, *lines[0]], *([n, *one] for n, one in enumerate(lines[1:]))])
        fit = ["--target", "label", "--save", model, *FAST, *flags]
        assert main(["fit", "classifier", data, *fit]) == 0
        shown.append(capsys.readouterr())
        # the model is that of the file without the index, and reads both
        assert main(["predict", model, data]) == 0
        first = capsys.readouterr().out
        assert main(["predict", model, plain]) == 0
        assert capsys.readouterr().out == first
    assert printed in shown[0].err and "of 1 feature;" in shown[0].out
    assert shown[1].err.endswith(f"features: a, b; {printed.rstrip()}, state\n")
    assert "of 2 features;" in shown[1].out


def test_a_decimal_comma_gives_the_model_of_the_decimal_point(tmp_path, capsys):
    point, comma, model = wide(tmp_path / "d.csv"), tmp_path / "c.csv", str(tmp_path / "m.safetensors")
    comma.write_text(Path(point).read_text().replace(",", ";").replace(".", ","))
    fit, found = ["--target", "label", "--save", model, *FAST], []
    for data, flags in ((point, []), (str(comma), ["--decimal", ","])):
        assert main(["fit", "classifier", data, *fit, *flags]) == 0
        capsys.readouterr()
        assert main(["predict", model, data]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]


def test_none_is_the_empty_list():
    read, _ = reader(Sequence[str])
    assert read("none") == [] and read("sampling/scheduled_sampling, b") == [
        "sampling/scheduled_sampling",
        "b",
    ]
    read, _ = reader(Sequence[Any])
    assert read("none") == [] and read("a,none") == ["a", None]


def test_labels_that_are_missing_do_not_count_and_unknown_ones_are_wrong(tmp_path, capsys):
    lines = read(Path(wide(tmp_path / "d.csv")).read_text())
    data = write(tmp_path / "n.csv", [lines[0], *([int(one[0] == "up"), *one[1:]] for one in lines[1:])])
    model = str(tmp_path / "m.safetensors")
    assert main(["fit", "classifier", data, "--target", "label", "--save", model, *FAST]) == 0
    found = ost.load(model).predict([x for _, x in waves()])
    labels = [str(found[0]), "", "7", "nan", f"{found[4]}.0"]
    data = write(
        tmp_path / "k.csv",
        [lines[0], *([one, *row[1:]] for one, row in zip(labels, lines[1:], strict=False))],
    )
    capsys.readouterr()
    assert main(["predict", model, data]) == 0
    printed = capsys.readouterr().err
    assert (
        printed
        == "accuracy 0.667 (2 of 3 sequences); 1 label ('7', line 4) is no class of the model (0, 1)\n"
    )
    data = write(tmp_path / "u.csv", [lines[0], *(["7", *row[1:]] for row in lines[1:])])
    assert set(found) == {0, 1} and main(["predict", model, data]) == 0
    printed = capsys.readouterr().err
    words = "24 labels (the first: '7', line 2) are no class of the model (0, 1)"
    assert printed == f"accuracy 0.000 (0 of 24 sequences); {words}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_ends_the_training_and_the_model_is_saved(tmp_path, capsys, monkeypatch):
    model, data = tmp_path / "m.safetensors", wide(tmp_path / "d.csv")
    calls: list[int] = []

    class Interrupt:
        @ost.hookimpl
        def ostinato_epoch_end(self) -> None:
            calls.append(1)
            if len(calls) == 3:
                signal.raise_signal(signal.SIGINT)

    made = ost.Trainer.__init__

    def with_interrupt(self: Any, *args: Any, callbacks: Any = (), **options: Any) -> None:
        made(self, *args, callbacks=[*callbacks, Interrupt()], **options)

    monkeypatch.setattr(ost.Trainer, "__init__", with_interrupt)
    flags = ["--hidden-size", "4", "--quiet", "--save", str(model)]
    assert main(["fit", "classifier", data, "--target", "label", *flags]) == 0
    printed = capsys.readouterr()
    assert "interrupted" in printed.err and "held-out accuracy" in printed.out and model.exists()
    assert len(calls) == 3
