"""R10: a process that used networks may fork, and the child uses them too."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np

import ostinato as ost
from tests.reliability.row import Row

PROMISE = "fork after use works 100 of 100 times"
SECONDS = 60.0
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 40, 32)).astype(np.float32)
Y = np.zeros((64, 40, 64), np.float32)


def child_is_right(work: Callable[[], bool]) -> bool:
    """Whether a child that runs `work` ends in time and finds it true."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def forks(count: int, busy: int) -> int:
    """How many of `count` forks were right, among `busy` threads that use the same network."""
    net = ost.LSTM(32, 64)
    before = ost.get_num_threads()
    ost.set_num_threads(3)
    expected = net.value_and_grad(X, Y, loss="mse")[0]
    stop = threading.Event()

    def use() -> None:
        while not stop.is_set():
            net.run(X[:8, :10])

    threads = [threading.Thread(target=use) for _ in range(busy)]
    for thread in threads:
        thread.start()
    try:
        return sum(
            child_is_right(lambda: net.value_and_grad(X, Y, loss="mse")[0] == expected) for _ in range(count)
        )
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        ost.set_num_threads(before)


def measure(long: bool) -> Row:
    """Forks alone and among busy threads."""
    count = 100 if long else 5
    alone, among = forks(count, 0), forks(count, 3)
    figure = f"{alone} of {count}; among three busy threads {among} of {count}"
    return Row("R10", PROMISE, figure, alone == among == count)
