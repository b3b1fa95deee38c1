"""`ostinato check`: of a name, of a class, of a file; the exit code is the verdict."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import ostinato as ost
from ostinato import ops
from ostinato.cli import main
from ostinato.plugins.index import discover
from ostinato.plugins.registry import registry
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
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["ok"] and printed["ran"] == printed["required"] > 10


def test_everything_in_a_file_is_checked_and_one_failure_is_a_failure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "losses.py"
    file.write_text(LOSSES)
    assert main(["check", str(file), "--level", "quick", "--json"]) == 1
    printed = {report["name"]: report["ok"] for report in json.loads(capsys.readouterr().out)}
    assert printed == {"local/forgetful": False, "local/squares": True}


def test_a_name_of_a_file_is_checked_with_the_flag_plugin(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "losses.py"
    file.write_text(LOSSES)
    assert main(["check", "squares", "--level", "quick", "--plugin", str(file), "--verbose"]) == 0
    assert "ok       gradients" in capsys.readouterr().out


def test_modules_of_the_current_folder_and_neighbours_of_a_file_can_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # As the console script has it: neither folder is on the path.
    monkeypatch.setattr("sys.path", list(sys.path))
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    (here / "losses_lying_here.py").write_text(LOSSES)
    (there / "power_beside_it.py").write_text("TWO = 2\n")
    (there / "losses_with_neighbour.py").write_text(
        "from power_beside_it import TWO\n"
        + LOSSES.replace("** 2", "** TWO").replace("y * y", "(y - target) ** 2")
    )
    monkeypatch.chdir(here)
    assert main(["check", "losses_lying_here:Squares", "--level", "quick"]) == 0
    with registry.isolated(discover):
        assert main(["check", str(there / "losses_with_neighbour.py"), "--level", "quick"]) == 0


def test_a_metric_that_counts_only_small_errors_passes_and_one_that_forgets_is_called_a_metric() -> None:
    class Within(ost.Metric):
        """The share of steps whose errors all are below half."""

        better = "higher"

        def step(self, y: Any, target: Any) -> Any:
            return ops.where(ops.max(ops.abs(y - target)) < 0.5, 1.0, 0.0)

    class Forgetful(ost.Metric):
        """Does not look at the target."""

        better = "lower"

        def step(self, y: Any, target: Any) -> Any:
            return ops.sum(y * y)

    assert ost.testing.check_metric(Within, "quick").ok
    printed = {one.id: one.reason for one in ost.testing.check_metric(Forgetful, "quick").failures}
    assert printed["target"] == "other targets give the same metric"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("lstn", "did you mean 'lstm'"),
        ("mze", "did you mean 'mse'"),
        ("nothere", "the kit knows cell, regularizer, loss,"),
        ("nothere", "check MODULE:CLASS"),
        ("explain", "'explain' is a command, which has no checks; the kit knows cell,"),
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
