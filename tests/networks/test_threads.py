"""Several Python threads may use one network at the same time."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import ostinato as ost


def test_results_from_eight_threads_are_those_of_one_after_the_other() -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((1 + n % 4, 7, 3)).astype(np.float32) for n in range(64)]

    def results(net: ost.Network, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        run = net.run(x, training=True)
        return run.outputs, run.backward(run.outputs).arena

    def fresh() -> ost.Network:
        return ost.Sequential(ost.LSTM(3, 8, 2, bidirectional=True), ost.Dense(16, 2))

    serial = [results(fresh(), x) for x in inputs]
    shared = fresh()  # Not compiled yet: the threads do that too, at the same time.
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(lambda x: results(shared, x), inputs))
    for one, other in zip(serial, parallel, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_number_of_threads_can_be_set_and_read() -> None:
    before = ost.get_num_threads()
    try:
        ost.set_num_threads(2)
        assert ost.get_num_threads() == 2
    finally:
        ost.set_num_threads(before)


def test_a_call_that_is_right_asks_for_no_text_of_an_error() -> None:
    """NumPy writes it in Python, amidst the engine: an interrupt there would be printed and lost."""
    net, x, y = ost.LSTM(3, 4), np.zeros((2, 5, 3), np.float32), np.zeros((2, 5, 4), np.float32)
    net.value_and_grad(x, y, loss="mse")  # what is made once
    seen: list[str] = []

    def watch(frame, event, argument):  # type: ignore[no-untyped-def]
        if event == "call":
            seen.append(frame.f_code.co_name)

    sys.setprofile(watch)
    try:
        net.value_and_grad(x, y, loss="mse")
        run = net.run(x, training=True)
        run.backward(y)
        net.loss_value(x, y, loss="mse")
    finally:
        sys.setprofile(None)
    assert "value_and_grad" in seen
    assert "__str__" not in seen
