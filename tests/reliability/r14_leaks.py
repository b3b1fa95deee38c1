"""R14: memory does not grow with the number of calls."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

import ostinato as ost
from tests.reliability.row import Row

PROMISE = "cycles of fit, predict and load: memory grows by at most 100 bytes a cycle"
MOST = 100.0
PARTS = 10
WARM = 800
"""Cycles before the measure: some hundred new trainers fill all lists of free objects."""
RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 9, 3)).astype(np.float32)
Y = np.zeros((6, 9, 4), np.float32)

Cycle = Callable[[], Any]


def fit() -> Cycle:
    return lambda: ost.Trainer(ost.LSTM(3, 4), loss="mse").fit(X, Y, epochs=1)


def predict() -> Cycle:
    net = ost.LSTM(3, 4)
    return lambda: net.run(X).outputs


def gradient() -> Cycle:
    net = ost.LSTM(3, 4)
    return lambda: net.value_and_grad(X, Y, loss="mse")


def backward() -> Cycle:
    net = ost.GRU(3, 4, bidirectional=True)
    return lambda: net.run(X, training=True).backward(np.ones((6, 9, 8), np.float32))


def load() -> Cycle:
    path = os.path.join(tempfile.mkdtemp(), "m")
    ost.LSTM(3, 4).save(path)
    return lambda: ost.load(path).run(X)


def stream() -> Cycle:
    net = ost.LSTM(3, 4)
    return lambda: net.stream(2).step(X[:2, 0])


def refused() -> Cycle:
    net = ost.LSTM(3, 4)

    def cycle() -> None:
        try:
            net.run(X, lengths=[10] * 6)
        except ost.ShapeError:
            pass

    return cycle


CYCLES: dict[str, Callable[[], Cycle]] = {
    "fit of a new trainer": fit,
    "predict": predict,
    "value_and_grad": gradient,
    "run and backward": backward,
    "load and predict": load,
    "stream": stream,
    "refused call": refused,
}


class Heap(ctypes.Structure):
    """`mallinfo2` of glibc."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    )


def in_use() -> int:
    """Bytes of the heap that are allocated. With PYTHONMALLOC=malloc, Python's own objects too."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Heap
    heap = mallinfo()
    return int(heap.uordblks + heap.hblkhd)


def slope(cycle: Cycle, count: int) -> float:
    """Bytes that a cycle leaves allocated: the median over the parts of `count`, after some to warm up.

    What leaks does so in every part. What grows once does not: Python's table of interned strings doubles
    when it is full, after some thousand paths of files.
    """
    part = count // PARTS
    for _ in range(WARM):
        cycle()
    marks = [in_use()]
    for _ in range(PARTS):
        for _ in range(part):
            cycle()
        marks.append(in_use())
    return statistics.median(after - before for before, after in itertools.pairwise(marks)) / part


def in_process(name: str, count: int) -> float:
    """The slope of a kind, measured by this module in a process of its own, whose memory is all of malloc."""
    command = [sys.executable, "-m", "tests.reliability.r14_leaks", name, str(count)]
    environment = {**os.environ, "PYTHONMALLOC": "malloc"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return float(done.stdout)


def measure(long: bool) -> Row:
    """10,000 cycles of each kind in the long form."""
    count = 10_000 if long else 400
    slopes = {name: in_process(name, count) for name in CYCLES}
    worst = max(slopes, key=lambda name: slopes[name])
    most = f"at most {slopes[worst]:.2f} bytes of the heap a cycle ({worst})"
    figure = f"{count:,} cycles of {len(slopes)} kinds: {most}"
    return Row("R14", PROMISE, figure, slopes[worst] <= MOST)


if __name__ == "__main__":
    # the lines of the epochs go nowhere: a buffer of them would grow with every cycle
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        found = slope(CYCLES[sys.argv[1]](), int(sys.argv[2]))
    print(found)
