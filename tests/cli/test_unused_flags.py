"""A flag that a command accepts is used, or refused by its name with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ostinato as ost
from ostinato.cli.main import main

SMALL: dict[str, Any] = {"max_iter": 1, "hidden_size": 2, "random_state": 0}
FAST = ["--max-iter", "1", "--hidden-size", "2", "--quiet"]
ROWS = [[0.0, 1.0], [1.0, 0.0]] * 3
DATES = ["--date-format", "%d.%m.%Y"]

FILES = {
    "series": "a,b\n" + "".join(f"{n % 3}.5,{n % 4}.5\n" for n in range(20)),
    "long series": "id,a\n" + "".join(f"s,{n % 3}.5\n" for n in range(20)),
    "dated": "when,a\n" + "".join(f"{n:02}.02.2026,{n % 3}.5\n" for n in range(1, 21)),
    "sequences": "label,other,t0,t1\n" + "0,1,0,1\n1,0,1,0\n" * 3,
    "steps": "id,label,a\n" + "".join(f"{n},{n % 2},{n}.5\n" * 2 for n in range(6)),
    "texts": "a\nab\nba\n",
}

WIDE = ["--target", "label", "--ignore", "other"]
LONG = ["--target", "label", "--id", "id"]
SHORT = ["--horizon", "2"]


@pytest.mark.parametrize(
    ("command", "file", "flags", "words"),
    [
        ("forecast", "series", [*SHORT, *DATES], "but no column has only such dates; name the column"),
        ("fit forecaster", "series", [*SHORT, *FAST, *DATES], "--date-format is '%d.%m.%Y', but no column"),
        ("fit state-space", "series", [*SHORT, *DATES], "with --time, or omit --date-format"),
        ("fit forecaster", "dated", [*SHORT, *FAST, "--date-format", "%Y.%m.%d"], "but no column has only"),
        (
            "fit forecaster",
            "long series",
            [*SHORT, *FAST, "--id", "id", "--target", "a", *DATES],
            "--date-format is '%d.%m.%Y', but no column of dates is read; give --time",
        ),
        (
            "fit classifier",
            "sequences",
            [*WIDE, *FAST, *DATES],
            "but no column of dates is read; give --time",
        ),
        ("fit classifier", "steps", [*LONG, *FAST, *DATES], "with --id, or omit --date-format"),
        ("fit regressor", "steps", [*LONG, *FAST, *DATES], "but no column of dates is read"),
        ("fit tagger", "steps", [*LONG, *FAST, *DATES], "but no column of dates is read"),
        ("fit classifier", "sequences", [*WIDE, *FAST, "--date-format", ""], "--date-format is ''"),
        (
            "fit state-space",
            "series",
            [*SHORT, "--seed", "0"],
            "--seed is given, but in a fit of a state-space",
        ),
        ("fit state-space", "series", [*SHORT, "--quiet"], "no line for each epoch is printed; omit --quiet"),
    ],
)
def test_a_fit_refuses_a_flag_without_a_use(command, file, flags, words, tmp_path, capsys):
    data = tmp_path / "data.csv"
    data.write_text(FILES[file])
    assert main([*command.split(), str(data), *flags]) == 1
    assert words in capsys.readouterr().err


def test_flags_that_a_kind_refuses_are_not_in_its_help(capsys):
    shown = {}
    for kind in ("state-space", "forecaster"):
        with pytest.raises(SystemExit):
            main(["fit", kind, "--help"])
        text = capsys.readouterr().out
        shown[kind] = [flag for flag in ("--seed", "--quiet", "--horizon") if flag in text]
    assert shown == {"state-space": ["--horizon"], "forecaster": ["--seed", "--quiet", "--horizon"]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A model file of each kind that `predict` reads."""
    place: Path = tmp_path_factory.mktemp("models")
    texts = ["ab", "ba"] * 3
    made = {
        "classifier": ost.SequenceClassifier(**SMALL).fit(ROWS, [0, 1] * 3),
        "regressor": ost.SequenceRegressor(**SMALL).fit(ROWS, [0.0, 1.0] * 3),
        "tagger": ost.SequenceTagger(**SMALL).fit(ROWS, [[0, 1], [1, 0]] * 3),
        "seq2seq": ost.Seq2Seq(**SMALL).fit(texts, texts),
        "generator": ost.SequenceGenerator(**SMALL).fit(["ab", "ba"] * 3, texts),
        "free generator": ost.SequenceGenerator(**SMALL).fit(None, texts),
        "forecaster": ost.Forecaster(**SMALL, horizon=2, season=1).fit({"a": [0.0, 1.0, 2.0] * 7}),
    }
    for name, model in made.items():
        model.save(place / name)
    return {name: str(place / name) for name in made}


@pytest.mark.parametrize(
    ("model", "file", "flags", "words"),
    [
        ("free generator", None, ["--horizon", "5"], "--horizon is given, but"),
        ("free generator", None, ["--time", ""], "--time is given without a file of data"),
        ("generator", "texts", ["--horizon", "5"], "holds a SequenceGenerator; omit --horizon"),
        ("generator", "texts", ["--target", "a"], "--target is 'a', but a SequenceGenerator has no measure"),
        ("generator", "texts", ["--time", "a"], "is a context; omit it"),
        ("generator", "texts", DATES, "--date-format is '%d.%m.%Y', but each line"),
        ("seq2seq", "texts", DATES, "but no column of dates is read"),
        ("seq2seq", "sequences", ["--target", "label", "--target", "other"], "a Seq2Seq predicts one column"),
        ("classifier", "sequences", ["--target", "label", "--target", "other"], "--target is given 2 times"),
        ("classifier", "sequences", [*WIDE, *DATES], "but no column of dates is read"),
        ("tagger", "steps", [*LONG, "--target", "a"], "a tagger predicts one column"),
        (
            "regressor",
            "sequences",
            ["--target", "label", "--target", "other"],
            "--target is given 2 times, but {model} predicts 1 column; name each of them, or none",
        ),
        ("forecaster", "series", DATES, "but no column has only such dates"),
        ("forecaster", None, DATES, "--date-format is given without a file of data"),
    ],
)
def test_predict_refuses_a_flag_without_a_use(model, file, flags, words, models, tmp_path, capsys):
    data = tmp_path / "data.csv"
    if file is not None:
        data.write_text(FILES[file])
    assert main(["predict", models[model], *([] if file is None else [str(data)]), *flags]) == 1
    streams = capsys.readouterr()
    assert words.format(model=models[model]) in streams.err and not streams.out


def test_a_date_format_of_the_fit_is_not_a_flag_of_predict(tmp_path, capsys):
    """A file without dates is forecast by a model whose fit had dates: no flag is given."""
    data, model = tmp_path / "data.csv", str(tmp_path / "m")
    data.write_text(FILES["dated"])
    assert main(["fit", "forecaster", str(data), *SHORT, *FAST, *DATES, "--save", model]) == 0
    data.write_text(FILES["series"])
    assert main(["predict", model, str(data)]) == 0
    assert "\na,1," in capsys.readouterr().out.replace("\r", "")
