"""Fixtures of all tests."""

import fcntl
import json
import shutil
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
def once(request, tmp_path_factory):
    """Does some work once in a test run, however many processes share the tests.

    `once(name, work)` returns what `work(folder)` returned in the process that came first, as JSON keeps it.
    """
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        shared = shared.parent  # that of this process lies in that of the run

    def once(name, work):
        folder, result = shared / name, shared / f"{name}.json"
        with open(shared / f"{name}.lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not result.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                result.write_text(json.dumps(work(folder)), encoding="utf-8")
        return json.loads(result.read_text(encoding="utf-8"))

    return once


@pytest.fixture(scope="session")
def wheel(once):
    """The wheel of this very source."""
    if find_spec("maturin") is None:
        pytest.skip("maturin is not installed; make test installs it")

    def build(out):
        command = [sys.executable, "-m", "maturin", "build", "--release", "--quiet", "--out", str(out)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (path,) = out.glob("*.whl")
        return str(path)

    return Path(once("wheel", build))
