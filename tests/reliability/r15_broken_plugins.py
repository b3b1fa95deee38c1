"""R15: whatever is installed, the library imports, and the culprit is named."""

from __future__ import annotations

import subprocess
import sys

from tests.plugins.bad_plugins import INSTALLED, USED
from tests.reliability.row import Row

CHECKS = "cannot_be_loaded or in_use"
SHORT = "error or exception"


def measure(long: bool) -> Row:
    """Lives with each broken plugin of the tests' table, a distribution in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/plugins/test_bad_plugins.py",
    ]
    done = subprocess.run(
        [*command, "-k", CHECKS if long else f"({CHECKS}) and ({SHORT})"], capture_output=True, text=True
    )
    last = done.stdout.strip().splitlines()[-1]
    figure = f"{len(INSTALLED)} kinds that cannot be loaded, {len(USED)} that go wrong in use: {last}"
    return Row("R15", "broken plugins are named, and affect nothing else", figure, done.returncode == 0)
