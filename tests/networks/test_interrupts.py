"""Ctrl-C in the middle of a call: it is left at once, and everything is as before."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 12000, 32)).astype(np.float32)
ROW = X[:1].copy()


class Pressed(BaseException):
    """What the handler raises."""


def grads(net: ost.Network, x: Any, through_time: Any = None) -> list[Any]:
    targets = np.zeros((*x.shape[:2], net.output_size), dtype=np.float32)
    loss, found = net.value_and_grad(x, targets, loss="mse", through_time=through_time)
    return [loss, found.arena, found.inputs]


def both_ways(net: ost.Network, x: Any) -> list[Any]:
    run = net.run(x, training=True)
    back = run.backward(np.ones_like(run.outputs))
    return [run.outputs, back.arena]


CALLS: dict[str, tuple[Callable[[], ost.Network], Callable[[ost.Network], list[Any]]]] = {
    "run": (lambda: ost.LSTM(32, 160), lambda net: [net.run(X).outputs]),
    "run and backward": (lambda: ost.LSTM(32, 48), lambda net: both_ways(net, X)),
    "value_and_grad": (lambda: ost.LSTM(32, 48), lambda net: grads(net, X)),
    "truncated": (lambda: ost.GRU(32, 48), lambda net: grads(net, X, ost.TruncatedBPTT(50, 100))),
    "checkpointed": (lambda: ost.GRU(32, 48), lambda net: grads(net, X, ost.CheckpointedBPTT("20%"))),
    "layer by layer": (
        lambda: ost.GRU(32, 24, bidirectional=True),
        lambda net: grads(net, X, ost.CheckpointedBPTT("40%")),
    ),
    "a wave": (lambda: ost.LSTM(32, 128, 2), lambda net: grads(net, ROW)),
    "columns": (lambda: ost.LSTM(32, 256), lambda net: grads(net, ROW)),
}


@pytest.mark.parametrize(("call", "threads"), [("value_and_grad", 1), *((call, 2) for call in CALLS)])
def test_a_call_is_left_at_once_and_the_next_gives_the_same_bits(call, threads):
    def press(number: int, frame: Any) -> None:
        raise Pressed

    make, do = CALLS[call]
    net, before = make(), ost.get_num_threads()
    previous = signal.signal(signal.SIGALRM, press)
    try:
        ost.set_num_threads(threads)
        do(net)  # plans and memory are made
        started = time.perf_counter()
        expected = do(net)
        whole = time.perf_counter() - started
        started = time.perf_counter()
        with pytest.raises(Pressed):
            signal.setitimer(signal.ITIMER_REAL, whole / 20)
            do(net)
        # it is about within the call or after it, not about how fast
        assert time.perf_counter() - started < 0.75 * whole
        for found, array in zip(do(net), expected, strict=True):
            assert np.array_equal(found, array)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        ost.set_num_threads(before)
