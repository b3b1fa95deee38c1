"""Signal handlers may use the network that the program is using: nothing hangs, nothing is lost."""

from __future__ import annotations

import copy
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.network.graph import Graph

X = np.ones((2, 3, 4), np.float32)


USES: dict[str, Callable[[ost.Network], Any]] = {
    "stream": lambda net: net.stream(2).step(X[:, 0]),
    "explain": lambda net: net.explain(),
    "copy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "freeze": lambda net: net.freeze("weight_ih*"),
    "gradient": lambda net: net.value_and_grad(X, X, loss="mse"),
    "fit": lambda net: ost.Trainer(net, loss="mse", optimizer=ost.SGD(0.0)).fit(X, X, epochs=1),
    "inside": lambda net: ost.Sequential(copy.copy(net), ost.Dense(4, 2)).run(X),
}


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Iterator[ost.Network]:
    """A network; SIGUSR1 arrives while it is compiled, and the handler runs the same network."""
    made = ost.GRU(4, 4, regularizers=[ost.Dropout(0.5)])
    compile_graph = Graph.compile
    sent = []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if not sent:
            sent.append(True)
            signal.raise_signal(signal.SIGUSR1)
        return compile_graph(*arguments, **options)

    def handler(number: int, frame: Any) -> None:
        made.run(X, training=True)

    monkeypatch.setattr(Graph, "compile", interrupted)
    before = signal.signal(signal.SIGUSR1, handler)
    yield made
    signal.signal(signal.SIGUSR1, before)


def test_a_handler_may_run_the_network_that_is_being_compiled(net: ost.Network) -> None:
    outputs = net.run(X).outputs
    assert np.array_equal(outputs, net.run(X).outputs)
    assert net.noise_calls == 1, "the handler ran a training pass"


@pytest.mark.parametrize("use", USES)
def test_a_handler_may_do_anything_with_the_network_that_is_being_compiled(
    use: str, net: ost.Network
) -> None:
    signal.signal(signal.SIGUSR1, lambda number, frame: USES[use](net))  # the fixture restores it
    outputs = net.run(X).outputs
    loss, gradients = net.value_and_grad(X, X, loss="mse", seed=0)
    other = ost.GRU(4, 4, regularizers=[ost.Dropout(0.5)])
    if use == "freeze":
        other.freeze("weight_ih*")
    assert np.array_equal(outputs, other.run(X).outputs)
    expected, others = other.value_and_grad(X, X, loss="mse", seed=0)
    assert loss == expected
    assert gradients.params.keys() == others.params.keys()


def test_an_array_that_another_thread_writes_is_concurrent_use() -> None:
    net = ost.LSTM(64, 256)
    trainer = ost.Trainer(net, loss="mse")
    x, y = np.ones((2, 2, 64), np.float32), np.zeros((2, 2, 256), np.float32)
    stop, errors = threading.Event(), []

    def use() -> None:
        while not stop.is_set():
            try:
                net.run(x)
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        trainer.fit(x, y, epochs=60)
    except ost.ConcurrentUseError:
        pass
    finally:
        stop.set()
        thread.join()
    assert all(isinstance(error, ost.ConcurrentUseError) for error in errors), errors[:1]
