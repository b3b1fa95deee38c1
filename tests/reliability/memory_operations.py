"""The operations that the limits of memory are tried on: at least one for each public entry that does work.

Each makes what a call needs and returns the call, which is then made with too little memory. It is the first
call of its network, so that tracing and planning run out of memory too, except where the name says "again".
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

import ostinato as ost
from ostinato.initializers import Orthogonal
from ostinato.sequences.arrays import within
from tests.reliability.memory_limits import Operation

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 200, 16)).astype(np.float32)
IDS = RNG.integers(0, 50, size=(64, 200))
LENGTHS = RNG.integers(0, 3, size=50_000)
MANY = RNG.normal(size=(50_000, 2, 2)).astype(np.float32)


def zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def digest(array: Any) -> Any:
    """Some numbers of an array, so that results can be compared without a copy."""
    return [array.shape, *array.reshape(-1)[:: max(1, array.size // 7)].tolist()]


def sized() -> Any:
    return ost.LSTM(16, 64)


def grads(make: Callable[[], Any], x: Any, through_time: Any = None, warm: bool = False) -> Operation:
    def operation() -> Callable[[], Any]:
        net = make()
        targets = zeros(*x.shape[:2], net.output_size)

        def call() -> Any:
            loss, found = net.value_and_grad(x, targets, loss="mse", through_time=through_time)
            return [loss, digest(found.arena)]

        if warm:
            net.value_and_grad(x[:2, :5], targets[:2, :5], loss="mse", through_time=through_time)
        return call

    return operation


def outputs(make: Callable[[], Any], x: Any, training: bool = False, warm: bool = False) -> Operation:
    def operation() -> Callable[[], Any]:
        net = make()
        if warm:
            net.run(x[:2, :5], training=training)
        return lambda: digest(net.run(x, training=training).outputs)

    return operation


def made(make: Callable[[], Any]) -> Operation:
    """The construction of a network."""
    return lambda: lambda: digest(make().arena)


def of_net(make: Callable[[], Any], act: Callable[[Any], Any]) -> Operation:
    def operation() -> Callable[[], Any]:
        net = make()
        return lambda: act(net)

    return operation


def back() -> Callable[[], Any]:
    net = sized()
    run = net.run(X, training=True)
    d_outputs = np.ones_like(run.outputs)
    return lambda: digest(run.backward(d_outputs).arena)


def saved(make: Callable[[], Any]) -> Operation:
    def operation() -> Callable[[], Any]:
        net, path = make(), os.path.join(tempfile.mkdtemp(), "m")

        def call() -> Any:
            net.save(path)
            return os.path.getsize(path)

        return call

    return operation


def loaded() -> Callable[[], Any]:
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "m")
    ost.LSTM(64, 512).save(path)
    return lambda: digest(ost.load(path).arena)


def trainer(**options: Any) -> Any:
    return ost.Trainer(sized(), loss="mse", seed=3, **options)


def fitted() -> Callable[[], Any]:
    made, targets = trainer(), zeros(64, 200, 64)
    before = made.net.arena.copy()

    def call() -> Any:
        made.net.arena[:] = before
        made.fit(X, targets, epochs=1, batch_size=16)
        return None

    return call


def checkpointed() -> Callable[[], Any]:
    made = trainer()
    made.fit(X[:2, :5], zeros(2, 5, 64), epochs=1)
    folder = tempfile.mkdtemp()
    return lambda: made.save(os.path.join(folder, "c"))


def resumed() -> Callable[[], Any]:
    made = trainer()
    made.fit(X[:2, :5], zeros(2, 5, 64), epochs=1)
    path = os.path.join(tempfile.mkdtemp(), "c")
    made.save(path)
    other = trainer()
    return lambda: other.load(path)


def stepped() -> Callable[[], Any]:
    stream = ost.LSTM(16, 64).stream(256)
    x = zeros(256, 16)

    def call() -> Any:
        stream.reset()
        return digest(stream.step(x))

    return call


class PlainTanh(ost.Cell):
    """A cell whose step runs in Python."""

    def parameters(self, size: Any) -> Any:
        return {"w": ost.Param((size.hidden, size.input), init="ones")}

    def state(self, size: Any) -> Any:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = ost.ops.tanh(p.w @ x + state.h)
        return h, {"h": h}


def deep(layers: int = 60) -> Any:
    return ost.Sequential(*[ost.GRU(4, 4) for _ in range(layers)])


def graph() -> Any:
    x = ost.Input("x", size=16)
    y = ost.LSTM(16, 32)(x)
    z = ost.concat(y, ost.reverse(y))
    return ost.Graph(outputs=ost.Dense(64, 4)(z))


def language_model() -> Any:
    return ost.Sequential(ost.Embedding(50, 32), ost.LSTM(32, 64), ost.Dense(64, 50))


def language() -> Callable[[], Any]:
    net = language_model()

    def call() -> Any:
        loss, found = net.value_and_grad(IDS, IDS, loss="cross_entropy")
        return [loss, digest(found.arena)]

    return call


def jacobians() -> Callable[[], Any]:
    net = ost.GRU(16, 32)
    return lambda: repr(ost.analysis.jacobians(net, X[:4]))[:40]


def analysed(act: Callable[[Any], Any]) -> Operation:
    return of_net(lambda: ost.GRU(16, 16), lambda net: repr(act(net))[:60])


def optimized() -> Callable[[], Any]:
    optimizer = ost.Adam()
    weights, gradient = zeros(500_000), np.ones(500_000, np.float32)

    def call() -> Any:
        weights[:] = 0
        optimizer.step({"w": weights}, {"w": gradient})
        return None

    return call


def packed() -> Callable[[], Any]:
    rows = [MANY[n] for n in range(20_000)]
    net = ost.RNN(2, 2)
    return lambda: digest(net.run(rows).outputs)


def masked() -> Callable[[], Any]:
    net, draw = ost.RNN(2, 2), np.random.default_rng(1)
    mask, resets = draw.random((50_000, 2)) < 0.8, draw.random((50_000, 2)) < 0.4
    return lambda: digest(net.run(MANY, mask=mask, resets=resets).outputs)


def two_axes() -> Callable[[], Any]:
    x, other = ost.Input("x", size=2), ost.Input("other", size=2, axis="source")
    z = ost.concat(ost.RNN(2, 2)(x), ost.repeat(ost.last(ost.RNN(2, 2)(other)), like=x))
    net = ost.Graph(outputs=ost.Dense(4, 2)(z))
    return lambda: digest(net.run({"x": MANY, "other": MANY}, lengths={"source": LENGTHS}).outputs)


def batches() -> Callable[[], Any]:
    data = ost.data.Batches(MANY, zeros(50_000, 2, 2), batch_size=10_000)
    return lambda: sum(1 for _ in data)


def writer() -> Any:
    return ost.Sequential(ost.Embedding(64, 64), ost.LSTM(64, 256), ost.Dense(256, 64))


def attends() -> Any:
    source, words = (ost.Input(name, ids=9, axis=name) for name in ("source", "words"))
    decoded = ost.Decoder("gru", 16, 32, 16)(ost.Embedding(9, 16)(words), source=ost.Embedding(9, 16)(source))
    return ost.Graph(ost.Dense(32, 9)(decoded))


def inside() -> Callable[[], Any]:
    """Broadcasting, for which NumPy takes buffers."""
    lengths = np.arange(16) * 12
    return lambda: int(within(lengths, 200).sum())


def orthogonal() -> Callable[[], Any]:
    made = Orthogonal()
    return lambda: digest(made((64, 64), np.random.default_rng(0)))


SOURCES = {"source": [np.arange(200) % 9] * 16}


OPERATIONS: dict[str, Operation] = {
    "RNN": made(lambda: ost.RNN(64, 512)),
    "LSTM": made(lambda: ost.LSTM(64, 256, 2)),
    "GRU": made(lambda: ost.GRU(64, 256, bidirectional=True)),
    "Dense": made(lambda: ost.Dense(512, 512)),
    "Embedding": made(lambda: ost.Embedding(100_000, 8)),
    "Attention": made(lambda: ost.Sequential(ost.LSTM(16, 16), ost.Dense(16, 8))),
    "Graph": made(graph),
    "Sequential": made(deep),
    "run": outputs(sized, X),
    "run again": outputs(sized, X, warm=True),
    "run training": outputs(sized, X, training=True),
    "run training again": outputs(sized, X, training=True, warm=True),
    "run rows": outputs(lambda: ost.RNN(2, 2), MANY),
    "run rows again": outputs(lambda: ost.RNN(2, 2), MANY, warm=True),
    "run list": packed,
    "mask and resets": masked,
    "two axes": two_axes,
    "run deep": outputs(deep, X[:, :, :4].copy()),
    "run graph": outputs(graph, X),
    "backward": back,
    "value_and_grad": grads(sized, X),
    "value_and_grad again": grads(sized, X, warm=True),
    "value_and_grad rows": grads(lambda: ost.RNN(2, 2), MANY),
    "value_and_grad deep": grads(deep, X[:8, :50, :4].copy()),
    "value_and_grad large": grads(lambda: ost.LSTM(16, 512), X[:4, :5]),
    "truncated": grads(sized, X, ost.TruncatedBPTT(20, 40)),
    "checkpointed": grads(sized, X, ost.CheckpointedBPTT("20%")),
    "layer by layer": grads(lambda: ost.GRU(16, 24, bidirectional=True), X, ost.CheckpointedBPTT("40%")),
    "regularized": grads(lambda: ost.LSTM(16, 64, regularizers=[ost.Dropout(0.3), ost.L2(1e-3)]), X),
    "language model": language,
    "loss_value": of_net(sized, lambda net: net.loss_value(X, zeros(64, 200, 64), loss="mse")[0]),
    "stream": of_net(lambda: ost.LSTM(64, 512), lambda net: net.stream(16).step(zeros(16, 64)).shape),
    "stream step": stepped,
    "decode": of_net(
        writer,
        lambda net: [
            tokens.tolist()
            for tokens in net.decode(
                begin=0, end=None, max_length=40, beam=5, prefix=[[row] for row in range(32)]
            ).tokens
        ],
    ),
    "alignments": of_net(
        attends,
        lambda net: [
            one.sum().hex()
            for one in net.decode(SOURCES, begin=0, end=None, max_length=40, alignments=True).alignments
        ],
    ),
    "alignment": of_net(
        attends, lambda net: len(ost.analysis.alignment(net, SOURCES, [[1] * 40] * 16, begin=0).weights)
    ),
    "log_prob": of_net(
        writer, lambda net: net.log_prob(None, np.arange(3200).reshape(32, 100) % 64, begin=0).tolist()
    ),
    "explain": of_net(deep, lambda net: len(net.explain())),
    "plans": of_net(deep, lambda net: len(net.plans())),
    "programs": of_net(deep, lambda net: len(net.programs)),
    "graph data": of_net(deep, lambda net: len(net.graph().text)),
    "training_memory": of_net(sized, lambda net: str(net.training_memory(32, 100, "mse"))[:20]),
    "checkpoint plan": of_net(sized, lambda net: len(str(ost.CheckpointedBPTT("5%").plan(net, 32, 20_000)))),
    "parameters": of_net(sized, lambda net: len(net.parameters())),
    "state_dict": of_net(lambda: ost.LSTM(64, 512), lambda net: len(net.state_dict())),
    "print": of_net(deep, lambda net: len(str(net))),
    "save": saved(lambda: ost.LSTM(64, 512)),
    "save deep": saved(deep),
    "load": loaded,
    "fit": fitted,
    "evaluate": of_net(trainer, lambda made: str(made.evaluate(X, zeros(64, 200, 64)))[:10]),
    "Trainer.save": checkpointed,
    "Trainer.load": resumed,
    "Adam": optimized,
    "Batches": batches,
    "pack": lambda: lambda: digest(ost.data.pack(MANY, np.full(50_000, 2)).data),
    "jacobians": jacobians,
    "gradient_flow": analysed(
        lambda net: ost.analysis.gradient_flow(net, X[:4], d_outputs=np.ones((4, 200, 16), np.float32))
    ),
    "saturation": analysed(lambda net: ost.analysis.saturation(net, X[:4])),
    "gates": analysed(lambda net: ost.analysis.gates(net, X[:4])),
    "spectral": analysed(lambda net: ost.analysis.spectral(net)),
    "cost": analysed(lambda net: ost.analysis.cost(net)),
    "memory_length": analysed(lambda net: ost.analysis.memory_length(net, X[:4])),
    "within": inside,
    "orthogonal": orthogonal,
    "cell in Python": outputs(lambda: ost.Recurrent(PlainTanh, 16, 16), X),
}
