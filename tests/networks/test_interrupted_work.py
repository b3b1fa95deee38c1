"""Ctrl-C ends work that is no pass over data, and leaves nothing behind. Time is CPU time of this thread."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost

pytestmark = pytest.mark.serial


class Pressed(BaseException):
    """What the handler raises."""


@pytest.fixture
def alarm() -> Iterator[Callable[[float], None]]:
    """Raises Pressed after so many seconds of CPU time of the process."""

    def press(number: int, frame: Any) -> None:
        raise Pressed

    before = signal.signal(signal.SIGPROF, press)
    yield lambda seconds: signal.setitimer(signal.ITIMER_PROF, seconds)  # type: ignore[func-returns-value]
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


class Long(ost.Cell):
    """A step of thousands of ops."""

    def parameters(self, size: Any) -> Any:
        return {"w": ost.Param((size.hidden, size.input), init="ones")}

    def state(self, size: Any) -> Any:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = p.w @ x + state.h
        for _ in range(3000):
            h = ost.ops.tanh(h * 0.5)
        return h, {"h": h}


def planning(folder: Path) -> Callable[[], Any]:
    net = ost.GRU(4, 4)
    return lambda: ost.CheckpointedBPTT("5%").plan(net, 1, 4 * 10**7).segments[0]


def compiling(folder: Path) -> Callable[[], Any]:
    net = ost.Recurrent(Long, 2, 2)
    return lambda: ost.Sequential(net.__copy__()).plans()[0]["name"]


def saving(folder: Path) -> Callable[[], Any]:
    net = ost.Embedding(2_000_000, 16)
    net.save(folder / "m")
    return lambda: net.save(folder / "m")


def many_rows(folder: Path) -> Callable[[], Any]:
    net, x = ost.RNN(1, 1), np.ones((1_500_000, 1, 1), np.float32)
    return lambda: net.run(x).outputs[:2].tolist()


def batching(folder: Path) -> Callable[[], Any]:
    """Resets at every step: as many sequences as steps."""
    net, x = ost.RNN(1, 1), np.ones((2, 700_000, 1), np.float32)
    resets = np.ones((2, 700_000), bool)
    return lambda: net.run(x, resets=resets).outputs[:2, :2].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("make", [planning, compiling, saving, many_rows, batching])
def test_work_ends_at_a_signal_and_is_the_same_afterwards(
    make: Callable[[Path], Callable[[], Any]], alarm: Callable[[float], None], tmp_path: Path
) -> None:
    before = ost.get_num_threads()
    ost.set_num_threads(1)
    try:
        call = make(tmp_path)
        call()
        started = time.process_time()
        expected = call()
        whole = time.process_time() - started
        started = time.process_time()
        with pytest.raises(Pressed):
            alarm(0.2 * whole)
            call()
        alarm(0)
        # the engine looks for signals every 40 ms
        assert time.process_time() - started < 0.2 * whole + max(0.12, 0.4 * whole)
        assert call() == expected
        assert [name for name in os.listdir(tmp_path) if name.endswith(".tmp")] == []
    finally:
        ost.set_num_threads(before)
