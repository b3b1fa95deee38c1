"""A file that is not there, a folder, a model in place of a CSV file: commands name the file and say why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.main import main

COMMANDS = [
    ["fit", "classifier", "DATA", "--target", "y"],
    ["fit", "forecaster", "DATA"],
    ["fit", "state-space", "DATA"],
    ["forecast", "DATA"],
    ["predict", "model", "DATA"],
    ["predict", "DATA"],
    ["info", "DATA"],
    ["sample", "DATA"],
    ["explain", "DATA"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("files")
    model = ost.Forecaster(max_iter=1, hidden_size=2, horizon=2, season=1, random_state=0)
    model.fit([5 + np.sin(np.arange(20.0))]).save(place / "model")
    whole = (place / "model").read_bytes()
    (place / "short").write_bytes(whole[:-100])
    (place / "long").write_bytes(whole + b"more")
    (place / "empty").touch()
    (place / "folder").mkdir()
    return place


@pytest.mark.parametrize("name", ["nothing", "folder", "empty", "short", "long", "model"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_file_is_named(command, name, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    reads_model = command[:2] == ["predict", "DATA"] or command[0] in ("info", "sample", "explain")
    if name == "model" and (reads_model or command[0] == "predict"):
        pytest.skip("a model is what it reads, or the message is of two equal files")
    assert main([name if one == "DATA" else one for one in command]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(f"ostinato {command[0]}: {name}: ") and "Errno" not in printed, printed
    if name == "nothing":
        assert "no such file" in printed
    if name == "folder":
        assert "is a folder" in printed or "no regular file" in printed or "not a regular file" in printed
    if name == "model":
        assert printed.endswith("this is a model file; expected a CSV file\n")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["predict", "model", "--horizon", "0"], "predict: --horizon is 0"),
        (["forecast", "d.csv", "--horizon", "-1"], "forecast: --horizon is -1"),
        (["forecast", "d.csv", "--season", "0"], "forecast: --season is 0"),
    ],
)
def test_an_error_names_the_flag(command, words, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert main(command) == 1
    assert words in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named_in_a_folder_that_was_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def removed() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("os.getcwd", removed)
    assert main(["info", "no.safetensors"]) != 0
    printed = "no.safetensors: there is no such file, seen from a folder that was removed"
    assert printed in capsys.readouterr().err
