"""No command writes to a file that it reads, or writes two things to one file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ostinato.cli.main import main

TEXT = "label,t0,t1\n" + "x,1,2\ny,2,1\n" * 6
FIT = ["fit", "classifier", "d.csv", "--target", "label"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with data, something else and a link to each."""
    monkeypatch.chdir(tmp_path)
    for name in ("d.csv", "m.safetensors", "p.png", "plugin.py"):
        (tmp_path / name).write_text(TEXT)
    os.link(tmp_path / "d.csv", tmp_path / "hard.csv")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "one", "other"),
    [
        ([*FIT, "--save", "d.csv"], "the data", "--save"),
        ([*FIT, "--save", "./folder/../d.csv"], "the data", "--save"),
        ([*FIT, "--save", "hard.csv"], "the data", "--save"),
        ([*FIT, "--save", "x.png", "--plot", "folder/../x.png"], "--save", "--plot"),
        ([*FIT, "--plugin", "plugin.py", "--save", "plugin.py"], "--plugin", "--save"),
        (["predict", "m.safetensors", "d.csv", "--output", "m.safetensors"], "the model", "--output"),
        (["predict", "m.safetensors", "d.csv", "--output", "d.csv"], "the data", "--output"),
        (["predict", "d.csv", "d.csv"], "the model", "the data"),
        (["forecast", "d.csv", "--save", "d.csv"], "the data", "--save"),
        (["forecast", "d.csv", "--save", "x.png", "--plot", "x.png"], "--save", "--plot"),
        (["explain", "p.png", "--plot", "p.png"], "the model", "--plot"),
    ],
)
def test_two_paths_that_are_one_file_are_an_error_that_names_both(arguments, one, other, here, capsys):
    before = {place: place.read_bytes() for place in here.iterdir() if place.is_file()}
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert f"{one} is " in printed and f"{other} is the same file" in printed
    assert before == {place: place.read_bytes() for place in here.iterdir() if place.is_file()}


def test_a_symbolic_link_is_the_file_that_it_leads_to(here, capsys):
    try:
        (here / "soft.csv").symlink_to(here / "d.csv")
    except OSError:
        pytest.skip("this system makes no links")
    assert main([*FIT, "--save", "soft.csv"]) == 1
    assert "--save is the same file" in capsys.readouterr().err
    assert (here / "d.csv").read_text() == TEXT


@pytest.mark.parametrize("name", ["train.checkpoint", "model.safetensors", "curve.png"])
def test_train_does_not_write_over_its_text(name, here, capsys):
    pytest.importorskip("matplotlib", reason="make test installs the extra [plot]")
    (here / "folder" / name).write_text(2 * TEXT)
    assert main(["train", "--text", f"folder/{name}", "--out", "folder"]) == 1
    assert f"--text is 'folder/{name}', and the {name} of --out is the same file" in (
        capsys.readouterr().err.replace(os.sep, "/")
    )
    assert (here / "folder" / name).read_text() == 2 * TEXT


@pytest.mark.skipif(os.name != "posix", reason="only Unix has /dev/null")
def test_a_device_may_be_given_twice(here, capsys):
    assert main(["predict", "/dev/null", "d.csv", "--output", "/dev/null"]) == 1
    assert "same file" not in capsys.readouterr().err
