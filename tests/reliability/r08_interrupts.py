"""R8: Ctrl-C ends a call soon, and everything is as before the call."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import ostinato as ost
from tests.reliability.row import Row

PROMISE = "Ctrl-C is answered within 200 ms at p99, and the model is consistent"
MOST = 0.2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 12_000, 32)).astype(np.float32)
ROWS = RNG.normal(size=(400_000, 2, 2)).astype(np.float32)

Call = Callable[[], Any]


class Pressed(BaseException):
    """What the handler raises, as Ctrl-C raises KeyboardInterrupt."""


def zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def targets(net: ost.Network, x: Any) -> Any:
    return zeros(*x.shape[:2], net.output_size)


def gradient(net: ost.Network, x: Any = X, through_time: Any = None) -> Call:
    y = targets(net, x)
    return lambda: net.value_and_grad(x, y, loss="mse", through_time=through_time)


def backward() -> Call:
    run = ost.LSTM(32, 64).run(X, training=True)
    d_outputs = np.ones_like(run.outputs)
    return lambda: run.backward(d_outputs)


def fit() -> Call:
    net = ost.LSTM(32, 32)
    trainer, y = ost.Trainer(net, loss="mse"), targets(net, X[:, :3000])
    return lambda: trainer.fit(X[:, :3000], y, epochs=100, batch_size=4)


def evaluate() -> Call:
    trainer = ost.Trainer(ost.LSTM(32, 64), loss="mse")
    y = targets(trainer.net, X)
    return lambda: trainer.evaluate(X, y)


def with_file(act: Callable[[ost.Network, str], Any]) -> Call:
    """Saves or loads 64 MB, some times."""
    net = ost.Embedding(1_000_000, 16)
    path = os.path.join(tempfile.mkdtemp(), "m")
    net.save(path)
    return lambda: [act(net, path) for _ in range(10)]


class Long(ost.Cell):
    """A step of thousands of ops."""

    def parameters(self, size: Any) -> Any:
        return {"w": ost.Param((size.hidden, size.input), init="ones")}

    def state(self, size: Any) -> Any:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = p.w @ x + state.h
        for _ in range(4000):
            h = ost.ops.tanh(h * 0.5)
        return h, {"h": h}


def compiled() -> Call:
    net = ost.Recurrent(Long, 4, 4)
    return lambda: [ost.Sequential(net.__copy__()).plans() for _ in range(3)]


def on(act: Callable[[Any], Any], make: Callable[[], ost.Network]) -> Call:
    net = make()
    return lambda: act(net)


def gru() -> ost.Network:
    return ost.GRU(32, 32)


CALLS: dict[str, Callable[[], Call]] = {
    "run": lambda: on(lambda net: net.run(X), lambda: ost.LSTM(32, 160)),
    "run of many rows": lambda: on(lambda net: net.run(ROWS), lambda: ost.RNN(2, 2)),
    "backward": backward,
    "value_and_grad": lambda: gradient(ost.LSTM(32, 64)),
    "value_and_grad of many rows": lambda: gradient(ost.RNN(2, 2), ROWS),
    "value_and_grad of one row": lambda: gradient(ost.LSTM(32, 256), X[:1]),
    "truncated": lambda: gradient(ost.GRU(32, 80), through_time=ost.TruncatedBPTT(50, 100)),
    "checkpointed": lambda: gradient(ost.GRU(32, 80), through_time=ost.CheckpointedBPTT("20%")),
    "layer by layer": lambda: gradient(
        ost.GRU(32, 24, bidirectional=True), through_time=ost.CheckpointedBPTT("40%")
    ),
    "loss_value": lambda: on(
        lambda net: net.loss_value(X, targets(net, X), loss="mse"), lambda: ost.LSTM(32, 128)
    ),
    "fit": fit,
    "evaluate": evaluate,
    "construction": lambda: lambda: ost.LSTM(512, 1024),
    "tracing": lambda: lambda: ost.Recurrent(Long, 4, 4),
    "compiling": compiled,
    "explain": lambda: on(lambda net: [net.explain() for _ in range(50)], lambda: ost.RNN(4, 4, 400)),
    "plan of checkpoints": lambda: on(
        lambda net: ost.CheckpointedBPTT("5%").plan(net, 1, 10**8), lambda: ost.GRU(4, 4)
    ),
    "save": lambda: with_file(lambda net, path: net.save(path)),
    "load": lambda: with_file(lambda _, path: ost.load(path)),
    "spectral": lambda: on(ost.analysis.spectral, lambda: ost.RNN(4, 1200)),
    "jacobians": lambda: on(lambda net: ost.analysis.jacobians(net, X[:2, :2000]), gru),
    "gates": lambda: on(lambda net: ost.analysis.gates(net, X), lambda: ost.LSTM(32, 64)),
    "gradient_flow": lambda: on(
        lambda net: ost.analysis.gradient_flow(net, X[:2], d_outputs=np.ones((2, 12_000, 32), np.float32)),
        gru,
    ),
    "fixed_points": lambda: on(
        lambda net: ost.analysis.fixed_points(net, starts=256), lambda: ost.GRU(4, 64)
    ),
    "lyapunov_spectrum": lambda: on(lambda net: ost.analysis.lyapunov_spectrum(net, X[:1]), gru),
    "memory_length": lambda: on(lambda net: ost.analysis.memory_length(net, X[:4]), gru),
}


def press(number: int, frame: Any) -> None:
    raise Pressed


def answer(call: Call, after: float) -> float | None:
    """Seconds from the signal to its exception; None if the call ended before the signal."""
    due = time.perf_counter() + after
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        call()
    except Pressed:
        return time.perf_counter() - due
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def answers(trials: int) -> tuple[dict[str, list[float]], int]:
    """By kind of call: the seconds of each answer; and how often a network then gave something else."""
    net, short = ost.LSTM(32, 64), X[:3, :7]
    expected, changed = net.run(short).outputs, 0
    found: dict[str, list[float]] = {}
    before = signal.signal(signal.SIGALRM, press)
    try:
        for name, make in CALLS.items():
            call, seconds = make(), []
            for trial in range(trials):
                one = answer(call, 0.02 + 0.25 * (trial + 0.5) / trials)
                if one is not None:
                    seconds.append(one)
                changed += not np.array_equal(net.run(short).outputs, expected)
            found[name] = seconds
    finally:
        signal.signal(signal.SIGALRM, before)
    return found, changed


def quantile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))]


def measure(long: bool) -> Row:
    """Interrupts every kind of call; 10 times in the long form, which alone has a bound in seconds."""
    found, changed = answers(10 if long else 1)
    seconds = sorted(one for several in found.values() for one in several)
    worst = max((name for name in found if found[name]), key=lambda name: max(found[name]))
    figure = (
        f"{len(seconds)} interrupts of {len(found)} kinds: p50 {1e3 * quantile(seconds, 0.5):.0f} ms, "
        f"p99 {1e3 * quantile(seconds, 0.99):.0f} ms, worst {worst} {1e3 * max(found[worst]):.0f} ms; "
        f"{changed} inconsistent"
    )
    holds = not changed and (not long or quantile(seconds, 0.99) <= MOST)
    return Row("R8", PROMISE, figure, holds)
