"""Decompositions of large matrices end at a signal."""

from __future__ import annotations

import _thread
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.interruptible import interruptible


class Pressed(BaseException):
    """What the handler raises."""


def test_a_decomposition_waits_where_signals_arrive() -> None:
    """A function that never looks for signals; the main thread does."""
    release, heard = threading.Event(), []

    def handler(number: int, frame: Any) -> None:
        heard.append(number)
        raise Pressed

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        with pytest.raises(Pressed):
            interruptible(release.wait)
        assert heard
    finally:
        release.set()
        signal.signal(signal.SIGUSR1, before)


def test_results_errors_and_numpy_settings_are_those_of_a_plain_call() -> None:
    assert interruptible(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        interruptible(divmod, 7, 0)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        interruptible(np.divide, np.ones(1), np.zeros(1))
    with np.errstate(divide="ignore"):
        assert interruptible(np.divide, np.ones(1), np.zeros(1)) == [np.inf]


def test_analysis_and_construction_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the calls that took seconds without a look for signals runs in a second thread."""
    started: list[Any] = []
    start = _thread.start_new_thread

    def watch(function: Any, arguments: Any) -> int:
        started.append(function)
        return start(function, arguments)

    monkeypatch.setattr(_thread, "start_new_thread", watch)
    net = ost.GRU(8, 300)
    made = len(started)
    ost.analysis.spectral(net)
    assert made and len(started) > made


@pytest.mark.parametrize("dies", [False, True])
def test_without_memory_for_a_thread_the_call_runs_here(dies: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(function: Any, arguments: Any) -> int:
        if dies:  # after the start, before the function
            return 1
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refused)
    assert interruptible(divmod, 7, 2) == (3, 1)


EXIT = """
import os, signal, sys, threading, time
from ostinato.interruptible import interruptible

def long():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.3)
    print("ended", flush=True)

try:
    interruptible(long)
except KeyboardInterrupt:
    print("interrupted", flush=True)
if "fork" in sys.argv:
    child = os.fork()
    if not child:
        sys.exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize("fork", ["", "fork"])
def test_a_process_exits_after_what_was_interrupted(fork):
    # OpenBLAS waits for ever if the process exits while a thread is in one of its functions.
    done = subprocess.run([sys.executable, "-c", EXIT, fork], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["interrupted", "ended"]
