"""Every instruction set that the machine has goes through the same tables.

The one in use does in this very run; each other one in a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ostinato import _core

ROOT = Path(__file__).parents[2]


OTHERS = [name for name in _core.instruction_sets() if name != _core.instruction_set()]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.timeout(300)
def test_the_tables_hold_with(name):
    # The set is chosen once a process, on first use.
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "tests/isa/test_forced.py",
        "tests/testing/test_registry.py",
        "-k",
        "cell- or forced or golden",
        "tests/golden",
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OSTINATO_ISA": name},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_an_unknown_instruction_set_is_refused():
    code = "from ostinato import _core; _core.instruction_set()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "OSTINATO_ISA": "abacus"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "OSTINATO_ISA" in done.stderr
    assert "abacus" in done.stderr


def test_portable_is_always_there():
    assert "portable" in _core.instruction_sets()
    assert _core.instruction_set() in _core.instruction_sets()
