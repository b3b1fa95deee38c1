"""Every command that reads a model file reads the file of every estimator, or says which it expects."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.kinds.table import KINDS
from ostinato.cli.main import main
from ostinato.models.base.model_file import ModelFile
from ostinato.models.loading import _kinds

ROWS = [[0.0, 1.0], [1.0, 0.0]] * 3
TEXT = "so la ti do " * 20
SMALL: dict[str, Any] = {"max_iter": 1, "hidden_size": 2, "random_state": 0}
SERIES = {"a": 5 + np.sin(np.arange(30.0))}

MADE: dict[str, Callable[[], Any]] = {
    "SequenceClassifier": lambda: ost.SequenceClassifier(**SMALL).fit(ROWS, [0, 1] * 3),
    "SequenceRegressor": lambda: ost.SequenceRegressor(**SMALL, n_members=2).fit(ROWS, [0.0, 1.0] * 3),
    "SequenceTagger": lambda: ost.SequenceTagger(**SMALL).fit(ROWS, [[0, 1], [1, 0]] * 3),
    "LanguageModel": lambda: ost.LanguageModel(**SMALL).fit(TEXT),
    "Seq2Seq": lambda: ost.Seq2Seq(**SMALL).fit(["ab", "ba"] * 3, ["ba", "ab"] * 3),
    "SequenceGenerator": lambda: ost.SequenceGenerator(**SMALL).fit([[1.0], [0.0]] * 3, ["ba", "ab"] * 3),
    "Forecaster": lambda: ost.Forecaster(**SMALL, horizon=2, season=4).fit(SERIES),
    "StateSpace": lambda: ost.StateSpace(max_iter=1, horizon=2, season=1).fit(SERIES),
}


def test_every_estimator_is_here():
    own = {one.__name__ for one in _kinds(ModelFile) if one.__module__.startswith("ostinato.")}
    assert {one for one in own if hasattr(ost, one)} == set(MADE)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    place, found = tmp_path_factory.mktemp("models"), {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, made in MADE.items():
            found[name] = str(place / f"{name}.safetensors")
            made().save(found[name])
    return found


@pytest.mark.parametrize("name", MADE)
def test_a_file_of_an_estimator_is_described(name, files, capsys):
    assert main(["info", files[name]]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(repr(ost.load(files[name]))) and "written by ostinato" in printed
    assert main(["explain", files[name], "--rows", "2", "--steps", "3"]) == 0
    printed = capsys.readouterr().out
    assert (
        printed.startswith(f"{name}(") and ost.load(files[name]).network_.explain(rows=2, steps=3) in printed
    )


@pytest.mark.parametrize("name", MADE)
def test_text_is_sampled_from_a_language_model_alone(name, files, capsys):
    flags = ["--prompt", "so", "--length", "7", "--temperature"]
    code = main(["sample", files[name], *flags, "0.5"])
    printed = capsys.readouterr()
    if name != "LanguageModel":
        assert (
            code == 1 and f"holds a {name}, from which no text is sampled" in printed.err and not printed.out
        )
        return
    model = ost.load(files[name])
    assert code == 0 and printed.out == f"so{model.generate('so', 7, temperature=0.5)}\n"
    assert main(["sample", files[name], *flags, "0"]) == 0
    assert capsys.readouterr().out == f"so{model.generate('so', 7, top_k=1)}\n"
    assert main(["sample", files[name], "--length", "7"]) == 0
    assert capsys.readouterr().out == f"{model.generate(' ', 7, temperature=0.8)}\n"


FILES = {
    "Seq2Seq": ("text\nab\nba\n", []),
    "SequenceGenerator": ("x\n1\n0\n", []),
    "Forecaster": ("id,a\n" + "".join(f"s,{n % 3}.5\n" for n in range(20)), ["--target", "a"]),
}
LONG = ("id,a\n" + "".join(f"s,{n % 3}.5\n" for n in range(20)), ["--id", "id"])


@pytest.mark.parametrize("name", MADE)
def test_a_file_is_predicted_or_the_kind_and_the_way_out_are_named(name, files, tmp_path, capsys):
    data = tmp_path / "data.csv"
    text, flags = FILES.get(name, LONG)
    data.write_text(text)
    code = main(["predict", files[name], str(data), *flags])
    printed = capsys.readouterr()
    hint = {"StateSpace": "ostinato fit state-space", "LanguageModel": "ostinato sample"}.get(name)
    if hint is None:
        assert code == 0 and printed.out
    else:
        assert code == 1 and f"holds a {name}" in printed.err and hint in printed.err


def test_every_estimator_has_a_row_of_kinds():
    assert [one.estimator.__name__ for one in KINDS] == [
        *("SequenceClassifier", "SequenceRegressor", "SequenceTagger", "Forecaster", "StateSpace"),
        *("Seq2Seq", "SequenceGenerator", "LanguageModel"),
    ]


def test_words_that_are_sampled_are_separated(tmp_path, capsys):
    path = str(tmp_path / "m.safetensors")
    model = ost.LanguageModel(**SMALL, level="word").fit(TEXT)
    model.save(path)
    assert main(["sample", path, "--prompt", "so la", "--length", "2"]) == 0
    assert capsys.readouterr().out == f"so la {model.generate('so la', 2, temperature=0.8)}\n"
