"""Fixtures of all tests."""

import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import ostinato as ost
from ostinato import _core

ROOT = Path(__file__).parents[1]


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in what a script starts with `&`; tests press Ctrl-C here and in processes of their own.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def threads():
    """Sets the number of threads, which share even the smallest work.

    What was set before comes back after the test.
    """
    before, eager = ost.get_num_threads(), _core.set_eager(True)
    yield ost.set_num_threads
    ost.set_num_threads(before)
    _core.set_eager(eager)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel of this very source."""
    if find_spec("maturin") is None:
        pytest.skip("maturin is not installed; make test installs it")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "maturin", "build", "--release", "--quiet", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return path
