"""`ostinato check`: of a name, of a class, of a file; the exit code is the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ostinato.cli import main
from tests.plugins.distributions import good, install

LOSSES = """
from ostinato import Loss, ops

class Forgetful(Loss):
    '''Does not look at the target.'''
    def step(self, y, target):
        return ops.sum(y * y)

class Squares(Loss):
    '''Sum of squares.'''
    def step(self, y, target):
        return ops.sum((y - target) ** 2)
"""


def test_a_plugins_name_is_checked_and_the_report_is_printed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(folder, "ostinato-acme", good("mine"), module="check_mine")
    assert main(["check", "acme/mine", "--level", "quick"]) == 0
    assert "cell acme/mine, level quick" in capsys.readouterr().out
    assert main(["check", "check_mine:Mine", "--level", "quick", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["ran"] == told["required"] > 10


def test_everything_in_a_file_is_checked_and_one_failure_is_a_failure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "losses.py"
    file.write_text(LOSSES)
    assert main(["check", str(file), "--level", "quick", "--json"]) == 1
    told = {report["name"]: report["ok"] for report in json.loads(capsys.readouterr().out)}
    assert told == {"local/forgetful": False, "local/squares": True}


def test_a_name_of_a_file_is_checked_with_the_flag_plugin(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "losses.py"
    file.write_text(LOSSES)
    assert main(["check", "squares", "--level", "quick", "--plugin", str(file), "--verbose"]) == 0
    assert "ok       gradients" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("lstn", "did you mean 'lstm'"),
        ("no_such_module:Mine", "cannot be imported"),
        ("ostinato:Nothing", "cannot be imported"),
        ("nowhere.py", "no such file"),
    ],
)
def test_what_cannot_be_checked_is_an_error(
    what: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", what]) == 1
    assert words in capsys.readouterr().err
