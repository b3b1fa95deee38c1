"""All figures by name, each measured in a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.reliability.row import Row

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
HEAD = "| # | promise | measured |\n|---|---|---|"
BEGIN, END = "<!-- table: make reliability -->", "<!-- end of table -->"

FIGURES: dict[str, str] = {
    f"R{int(path.stem[1:3])}": path.stem for path in sorted(Path(__file__).parent.glob("r[0-9][0-9]_*.py"))
}
"""The module of each figure."""


def measured(name: str, long: bool) -> Row:
    """The row of a figure. A process that dies is a row that does not hold."""
    command = [sys.executable, __file__, name, "long" if long else "short"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        return Row(
            name, "the measurement itself", f"ended with {done.returncode}: {done.stderr[-2000:]}", False
        )
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def written(page: str, rows: Sequence[Row]) -> str:
    """The page with these rows in its table, in place of older ones of the same figures."""
    before, rest = page.split(BEGIN)
    table, after = rest.split(END)
    lines = {name_of(line): line for line in table.strip().splitlines()[2:]}
    lines |= {row.name: str(row) for row in rows}
    ordered = (lines[name] for name in FIGURES if name in lines)
    return "\n".join([f"{before}{BEGIN}", HEAD, *ordered, f"{END}{after}"])


def name_of(line: str) -> str:
    """The figure of a line of the table."""
    return line.split("|")[1].strip()


if __name__ == "__main__":
    module = importlib.import_module(f"tests.reliability.{FIGURES[sys.argv[1]]}")
    print(json.dumps(asdict(module.measure(sys.argv[2] == "long"))))
