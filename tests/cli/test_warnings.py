"""Warnings on the command line are a line of text, without the source that they come from."""

from __future__ import annotations

import subprocess
import sys
import warnings

from ostinato.cli.main import main


def test_a_warning_is_a_line_without_its_source(tmp_path):
    days = [day for day in range(1, 29) if day % 7 not in (0, 1)]  # February 2026 begins on a Sunday
    rows = "".join(f"2026-02-{day:02},{day % 3}.5\n" for day in days)
    (tmp_path / "d.csv").write_text("when,a\n" + rows)
    command = [sys.executable, "-m", "ostinato", "forecast", "d.csv", "--time", "when", "--horizon", "2"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    lines = [line for line in made.stderr.splitlines() if "weekend" in line or "Saturday" in line]
    assert len(lines) == 1 and lines[0].startswith("warning: "), made.stderr
    assert "UserWarning" not in made.stderr and ".py" not in made.stderr


def test_the_format_of_warnings_is_as_before_after_a_command(capsys):
    before = warnings.formatwarning
    assert main(["nothing-of-this-name"]) == 2
    assert warnings.formatwarning is before
