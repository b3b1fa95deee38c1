"""Ctrl-C in the middle of a call: it ends soon, and everything is as before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.pressed import ANSWERS, Pressed, answers, cost, leave, press, signals

pytestmark = pytest.mark.serial

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 12000, 32)).astype(np.float32)
ROW = X[:1].copy()
# A call looks for signals every 40 ms (rust/py/src/poller.rs). A wave of 12,000 steps takes 120 ms on a fast
# processor: three looks, where the test wants four.
LONG_ROW = RNG.normal(size=(1, 24000, 32)).astype(np.float32)

Call = Callable[[], list[Any]]


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = ost.get_num_threads()
    ost.set_num_threads(2)
    yield
    ost.set_num_threads(before)


def grads(net: ost.Network, x: Any, through_time: Any = None) -> Call:
    targets = np.zeros((*x.shape[:2], net.output_size), dtype=np.float32)

    def call() -> list[Any]:
        loss, found = net.value_and_grad(x, targets, loss="mse", through_time=through_time)
        return [loss, found.arena, found.inputs]

    return call


def outputs(net: ost.Network) -> Call:
    return lambda: [net.run(X).outputs]


def back(net: ost.Network) -> Call:
    run = net.run(X, training=True)
    d_outputs = np.ones_like(run.outputs)
    return lambda: [run.backward(d_outputs).arena]


def one_thread(call: Call) -> Call:
    def alone() -> list[Any]:
        ost.set_num_threads(1)
        return call()

    return alone


CALLS: dict[str, Callable[[], Call]] = {
    "run": lambda: outputs(ost.LSTM(32, 160)),
    "backward": lambda: back(ost.LSTM(32, 80)),
    "value_and_grad": lambda: grads(ost.LSTM(32, 64), X),
    "a row, one thread": lambda: one_thread(grads(ost.LSTM(32, 192), ROW)),
    "three units, two threads": lambda: grads(ost.LSTM(32, 192), RNG.normal(size=(33, 1000, 32)).astype("f")),
    "truncated": lambda: grads(ost.GRU(32, 80), X, ost.TruncatedBPTT(50, 100)),
    "checkpointed": lambda: grads(ost.GRU(32, 80), X, ost.CheckpointedBPTT("20%")),
    "layer by layer": lambda: grads(ost.GRU(32, 24, bidirectional=True), X, ost.CheckpointedBPTT("40%")),
    "a wave": lambda: grads(ost.LSTM(32, 128, 2), LONG_ROW),
    "a wave of unlike layers": lambda: grads(ost.Sequential(ost.LSTM(32, 64), ost.LSTM(64, 128)), LONG_ROW),
    "columns": lambda: grads(ost.LSTM(32, 256), ROW),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_answers_signals_and_the_next_gives_the_same_bits(name: str, two_threads: None) -> None:
    call = CALLS[name]()
    call()  # plans and memory are made
    expected, seconds = cost(call)
    assert answers(call, seconds) >= ANSWERS
    for part in (0.05, 0.4):
        assert leave(call, part * seconds)
    for found, array in zip(call(), expected, strict=True):
        assert np.array_equal(found, array)


def test_a_handler_may_use_the_very_network_and_run_that_it_interrupts(two_threads: None) -> None:
    net = ost.LSTM(32, 64)
    run = net.run(X, training=True)
    d_outputs = np.ones_like(run.outputs)
    expected, short = run.backward(d_outputs).arena, net.run(X[:2, :5]).outputs
    heard: list[bool] = []

    def use(number: int, frame: Any) -> None:
        heard.append(np.array_equal(net.run(X[:2, :5]).outputs, short))
        heard.append(np.array_equal(run.backward(d_outputs).arena, expected))
        heard.append(float(np.float32(1e-30) * np.float32(1e-10)) > 0)  # denormals are numbers here

    with signals(use, 0.05, again=False):
        assert np.array_equal(run.backward(d_outputs).arena, expected)
    assert heard == [True] * 3


def test_a_fit_that_is_left_within_an_update_goes_on_with_the_bits_of_one_that_was_not() -> None:
    def trainer() -> ost.Trainer:
        return ost.Trainer(ost.LSTM(32, 96), loss="mse", seed=3)

    x, targets = X[:, :4000], np.ones((16, 4000, 96), np.float32)
    plain, made = trainer(), trainer()
    _, seconds = cost(lambda: plain.fit(x, targets, epochs=2, batch_size=8))
    with signals(press, seconds / 2, again=False), pytest.raises(Pressed):
        made.fit(x, targets, epochs=2, batch_size=8)
    assert made.run.step < 4
    made.fit(x, targets, epochs=2, batch_size=8, resume=True)
    assert np.array_equal(made.net.arena, plain.net.arena)
