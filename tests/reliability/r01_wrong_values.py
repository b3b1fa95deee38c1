"""R1: wrong values for every argument of every public entry."""

from __future__ import annotations

import subprocess
import sys

from tests.reliability.row import Row

PART = "ost.Batch.window"


def measure(long: bool) -> Row:
    """The table of `tests/arguments`; in the short form one entry: `make test` has a form of its own."""
    command = [sys.executable, "-m", "tests.arguments", *([] if long else [PART])]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stdout.strip().splitlines() or [done.stderr.strip()[-500:]]
    promise = "a wrong value is a typed error that names the argument; no signal, no panic"
    return Row("R1", promise, said[-1], done.returncode == 0)
