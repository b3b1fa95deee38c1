"""R11: a panic of the engine is an exception, and the next call is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ostinato as ost
from ostinato.trace.called import CalledStep
from tests.reliability.row import Row

PROMISE = "at least 50 injected panics: the process lives, an Exception is raised, the next call is right"
RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 30, 4)).astype(np.float32)
Y = np.zeros((40, 30, 4), np.float32)


class Plain(ost.Cell):
    """A cell in Python: the engine calls its step, and panics when the result has another length."""

    batched = True

    def parameters(self, size: Any) -> Any:
        return {"w": ost.Param((size.hidden, size.input), init="xavier_uniform")}

    def state(self, size: Any) -> Any:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = np.tanh(x @ np.asarray(p.w).T + state.h)
        return h, {"h": h}

    def vjp(self, x: Any, state: Any, p: Any, d_output: Any, d_state: Any) -> Any:
        h = np.tanh(x @ np.asarray(p.w).T + state.h)
        d = (d_output + d_state.h) * (1 - h * h)
        return d @ np.asarray(p.w), {"h": d}, {"w": d.T @ x}


def value_and_grad(net: ost.Network, through_time: Any = None) -> Any:
    loss, gradients = net.value_and_grad(X, Y, loss="mse", through_time=through_time)
    return [loss, *gradients.arena.tolist()]


def streamed(net: ost.Network) -> Any:
    stream = net.stream(3)
    return [stream.step(X[:3, t]).tolist() for t in range(5)]


def fitted(net: ost.Network) -> Any:
    before = net.arena.copy()
    try:
        return ost.Trainer(net, loss="mse").fit(X, Y, epochs=1, batch_size=8)["loss"]
    finally:
        net.arena[:] = before


CALLS: dict[str, Callable[[ost.Network], Any]] = {
    "run": lambda net: net.run(X).outputs.tolist(),
    "run for training": lambda net: net.run(X, training=True).outputs.tolist(),
    "backward": lambda net: net.run(X, training=True).backward(np.ones_like(Y)).arena.tolist(),
    "value_and_grad": value_and_grad,
    "truncated": lambda net: value_and_grad(net, ost.TruncatedBPTT(5, 10)),
    "checkpointed": lambda net: value_and_grad(net, ost.CheckpointedBPTT("sqrt")),
    "loss_value": lambda net: net.loss_value(X, Y, loss="mse")[0],
    "stream": streamed,
    "fit": fitted,
}


class Injected:
    """Replaces the calls of steps; call number `at` returns a vector that is too long."""

    def __init__(self) -> None:
        self.count, self.at = 0, -1
        self.original = CalledStep.__call__

    def __enter__(self) -> Injected:
        injected = self

        def call(step: CalledStep, part: str, rows: int, operands: Any) -> Any:
            values = injected.original(step, part, rows, operands)
            injected.count += 1
            return np.append(values, 0.0) if injected.count == injected.at else values

        CalledStep.__call__ = call  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        CalledStep.__call__ = self.original  # type: ignore[method-assign]

    def during(self, call: Callable[[], Any], at: int) -> Any:
        """The result of `call`, whose step number `at` panics."""
        self.count, self.at = 0, at
        try:
            return call()
        finally:
            self.at = -1


def tried(threads: int, places: int) -> tuple[int, int, list[str]]:
    """Panics that were injected, those that were no InternalError, and calls that were wrong after one."""
    before = ost.get_num_threads()
    ost.set_num_threads(threads)
    panics, others, wrong = 0, 0, list[str]()
    try:
        with Injected() as injected:
            for name, act in CALLS.items():
                net = ost.Sequential(ost.GRU(4, 4), ost.Recurrent(Plain, 4, 4))
                expected = injected.during(lambda act=act, net=net: act(net), -1)  # type: ignore[misc]
                steps = injected.count
                for place in range(places):
                    at = 1 + (steps - 1) * place // max(1, places - 1)
                    try:
                        injected.during(lambda act=act, net=net: act(net), at)  # type: ignore[misc]
                    except ost.InternalError:
                        panics += 1
                    except BaseException:
                        others += 1
                    if act(net) != expected:
                        wrong.append(name)
    finally:
        ost.set_num_threads(before)
    return panics, others, wrong


def measure(long: bool) -> Row:
    """Panics at places from the first to the last step of each kind of call."""
    places = 20 if long else 3
    found = [tried(threads, places) for threads in (1, 3)]
    panics, others = (sum(one[place] for one in found) for place in (0, 1))
    wrong = [name for *_, names in found for name in names]
    figure = (
        f"{panics} panics in {len(CALLS)} kinds of call: {others} other exceptions, "
        f"{len(wrong)} wrong calls after one{': ' + wrong[0] if wrong else ''}"
    )
    return Row("R11", PROMISE, figure, panics >= 50 and not others and not wrong)
