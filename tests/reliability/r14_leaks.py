"""R14: memory does not grow with the number of calls."""

from __future__ import annotations

import gc
import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost
from tests.reliability.row import Row

PROMISE = "cycles of fit, predict and load: memory grows by at most 100 bytes a cycle"
MOST = 100.0
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


def resident() -> int:
    """Bytes of physical memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def slope(cycle: Cycle, count: int) -> float:
    """Bytes that a cycle adds: the smallest growth of four parts, after one to warm up."""
    for _ in range(count // 4):
        cycle()
    marks = [resident()]
    for _ in range(4):
        for _ in range(count // 4):
            cycle()
        marks.append(resident())
    return min(after - before for before, after in itertools.pairwise(marks)) / (count // 4)


def measure(long: bool) -> Row:
    """10,000 cycles of each kind in the long form."""
    count = 10_000 if long else 1000
    slopes = {name: slope(make(), count) for name, make in CYCLES.items()}
    worst = max(slopes, key=lambda name: slopes[name])
    figure = f"{count:,} cycles of {len(slopes)} kinds: at most {slopes[worst]:.0f} bytes a cycle ({worst})"
    return Row("R14", PROMISE, figure, slopes[worst] <= MOST)
