"""R9: Python threads run during a fit, threads share a network, and a second fit during a fit is refused."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost
from tests.reliability.row import Row

PROMISE = (
    "a Python thread keeps 80 % of its speed during a fit; 8 threads x 1,000 predictions equal the serial "
    "ones; concurrent use is a ConcurrentUseError"
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 100, 32)).astype(np.float32)
Y = np.zeros((32, 100, 128), np.float32)


def delay() -> float:
    """Seconds in which this thread could run and another process had the processor; 0 if not counted.

    A thread that waits for the GIL cannot run, so its waiting is not among them.
    """
    file = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(file.read_text(encoding="ascii").split()[1]) * 1e-9 if file.exists() else 0.0


def speed(seconds: float) -> float:
    """How often a Python loop runs in a second, of those that the machine's other processes leave."""
    count, delayed, start = 0, delay(), time.perf_counter()
    end = start + seconds
    while time.perf_counter() < end:
        count += 1
    return count / (time.perf_counter() - start - (delay() - delayed))


def shares(rounds: int, seconds: float) -> list[float]:
    """The speed of a Python thread during a fit on one thread, over its speed alone, by round."""
    before, found = ost.get_num_threads(), []
    ost.set_num_threads(1)
    try:
        for _ in range(rounds):
            alone = speed(seconds)
            stop = threading.Event()
            trainer = ost.Trainer(ost.LSTM(32, 128), loss="mse")

            def train(trainer: ost.Trainer = trainer, stop: threading.Event = stop) -> None:
                while not stop.is_set():
                    trainer.fit(X, Y, epochs=1)

            thread = threading.Thread(target=train)
            thread.start()
            try:
                found.append(speed(seconds) / alone)
            finally:
                stop.set()
                thread.join()
    finally:
        ost.set_num_threads(before)
    return found


def different(count: int) -> int:
    """Predictions by 8 threads that differ from those of one."""
    net = ost.Sequential(ost.LSTM(3, 16), ost.Dense(16, 2))
    inputs = [RNG.normal(size=(1 + n % 4, 1 + n % 9, 3)).astype(np.float32) for n in range(40)]
    expected = [net.run(x).outputs for x in inputs]

    def wrong(thread: int) -> int:
        order = [(thread + n) % len(inputs) for n in range(count)]
        return sum(not np.array_equal(net.run(inputs[n]).outputs, expected[n]) for n in order)

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(wrong, range(8)))


def errors(uses: int) -> tuple[int, list[str]]:
    """Errors of uses during another thread's fit, and the names of those that are not ConcurrentUseError."""
    net = ost.LSTM(32, 128)
    stop, raised, untyped = threading.Event(), [0], list[str]()
    acts: list[Callable[[], Any]] = [
        lambda: net.run(X[:2, :5]),
        lambda: net.value_and_grad(X[:2, :5], Y[:2, :5], loss="mse"),
        lambda: ost.Trainer(net, loss="mse").fit(X[:2, :5], Y[:2, :5], epochs=1),
        lambda: net.stream(),
    ]

    def train() -> None:
        trainer = ost.Trainer(net, loss="mse")
        while not stop.is_set():
            try:
                trainer.fit(X[:4, :5], Y[:4, :5], epochs=1)
            except ost.ConcurrentUseError:
                raised[0] += 1
            except Exception as error:
                untyped.append(f"fit: {error!r}")

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for n in range(uses):
            try:
                acts[n % len(acts)]()
            except ost.ConcurrentUseError:
                raised[0] += 1
            except Exception as error:
                untyped.append(repr(error))
    finally:
        stop.set()
        thread.join()
    return raised[0], untyped


def measure(long: bool) -> Row:
    """The share is published from the long form alone: the short one is too short for it."""
    rounds, seconds, count, uses = (15, 1.5, 1000, 2000) if long else (1, 0.2, 50, 100)
    share = statistics.median(shares(rounds, seconds))
    wrong = different(count)
    raised, untyped = errors(uses)
    figure = (
        f"{100 * share:.0f} % (median of {rounds}); 8 x {count}: {wrong} differ; {uses} uses during a fit: "
        f"{raised} ConcurrentUseErrors, {len(untyped)} other errors"
    )
    holds = not wrong and not untyped and (share >= 0.8 or not long)
    return Row("R9", PROMISE, figure + (f" ({untyped[0]})" if untyped else ""), holds)
