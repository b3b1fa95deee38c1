"""Prints one digest for each thing that a process makes; two processes of other hash seeds print the same.

Sets of texts have another order in each process. A loop over a set that makes a program, a file or a seed
gives another digest in each.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost
from ostinato.plugins.registry import registry

X = np.random.default_rng(0).normal(size=(6, 5, 2)).astype("float32")
Y = np.cumsum(X, axis=1)
CLASSES = (Y[..., 0] > 0).astype(int)
IDS = np.random.default_rng(1).integers(1, 3, (6, 5))
IDS[:, 0] = 0


class FromSets(ost.Regularizer):
    """Reads every name that `Noise` gives, in the order in which it gives them."""

    def __init__(self, kinds: frozenset[str] = frozenset({"recurrent", "input", "output", "none"})) -> None:
        self.kinds = kinds

    def penalty(self, params: Any, noise: Any) -> Any:
        total = 0.0
        for names in (noise.recurrent, *noise.groups.values(), noise.matrices, noise.states):
            for name in names:
                if name in params:
                    row = ost.ops.square(params[name])
                    total = total + ost.ops.sum(ost.ops.sum(row) if row.ndim == 2 else row)
        return total


class Several(ost.Cell):
    """Many matrices for one operand, and options without a JSON form."""

    def __init__(
        self,
        kinds: frozenset[str] = frozenset({"a", "b", "c", "d"}),
        function: Callable[[float], float] = lambda x: x,
        deep: Any = ({"x", "y", "z"}, len),
    ) -> None:
        self.kinds, self.function, self.deep = kinds, function, deep

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        square = (size.hidden, size.hidden)
        return {"W": ost.Param((size.hidden, size.input)), **{k: ost.Param(square) for k in "dbca"}}

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden), "g": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = ost.ops.tanh(p.W @ x + p.a @ state.h + p.b @ state.g)
        return h, {"h": h, "g": p.c @ state.h + p.d @ state.g}


def own_schedule(start: float, when: Any) -> float:
    """A constant set, in code whose checksum is in the checkpoint."""
    return start * (0.5 if str(when.epoch) in {"0", "1", "x", "y"} else 0.25)


class OwnOrder(ost.Curriculum):
    """The same in a strategy."""

    def lesson(self, when: Any, lengths: Any) -> ost.Lesson:
        """All rows in order."""
        steps = 3 if str(when.epoch) in {"7", "8", "9", "a"} else None
        return ost.Lesson(np.arange(len(lengths)), steps)


OWN = Several(
    frozenset({"p", "q", "r"}), lambda x: 2 * x, ({"x", "y", "z"}, {"k": {"u", "v"}}, len, object())
)


def digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def file_of(net: ost.Network, folder: Path) -> bytes:
    net.save(folder / "m")
    return (folder / "m").read_bytes()


def trained(net: ost.Network, folder: Path, targets: Any = Y, **changes: Any) -> tuple[bytes, bytes]:
    """The weights after two epochs, and the last checkpoint."""
    path = folder / "c"
    options = {"loss": "mse", "callbacks": [ost.Checkpoints(path)], **changes}
    x = options.pop("x", X)
    ost.Trainer(net, **options).fit(x, targets, epochs=2, batch_size=4, validation=(x, targets))
    return net.arena.tobytes(), path.read_bytes()


def head(cell: Any, width: int = 2, **options: Any) -> ost.Network:
    first = ost.Recurrent(cell, 2, 4, **options)
    return ost.Sequential(first, ost.Dense(first.output_size, width))


def names(kind: str) -> list[str]:
    return sorted(ost.plugins.list(kind))


def factory_of(kind: str, name: str) -> Any:
    return registry.resolve(kind, name).spec.factory


def made(kind: str, name: str) -> Any:
    """The thing of a name, with options if it needs some."""
    factory = factory_of(kind, name)
    options = {"lr": 0.01} if kind == "optimizer" else dict(getattr(factory, "examples", ({},))[0])
    return factory(**options)


def cases(folder: Path) -> Iterator[tuple[str, str]]:
    """The name and the digest of each thing."""
    for name in [*names("cell"), OWN]:
        net = head(name, regularizers=[FromSets(), ost.L2({"*": 1e-4})])
        texts = [net.programs[one].to_json() for one in net.programs]
        yield (
            f"cell {name if isinstance(name, str) else type(name).__name__}",
            digest(texts, net.graph().hash, file_of(net, folder), *trained(net, folder)),
        )
    for name in names("regularizer"):
        for cell in ("lstm", OWN):
            try:
                net = head(cell, regularizers=[name])
            except ost.ConfigError:  # it changes what this step does not have
                continue
            yield (
                f"regularizer {name} {type(cell).__name__}",
                digest(file_of(net, folder), *trained(net, folder)),
            )
    for name in names("optimizer"):
        yield f"optimizer {name}", digest(trained(head("gru"), folder, optimizer=made("optimizer", name)))
        net = head("gru")
        net.freeze("0.*")
        groups = {"1.*": {"lr": 0.1}}
        options = {"optimizer": factory_of("optimizer", name)(lr=0.01, groups=groups)}
        yield f"optimizer {name}, frozen", digest(trained(net, folder, **options))
    for name in names("schedule"):
        yield f"schedule {name}", digest(trained(head("gru"), folder, schedule=made("schedule", name)))
    for name in names("strategy"):
        strategy = made("strategy", name)
        fed = getattr(strategy, "samples", False) or isinstance(strategy, ost.Feeding)
        if not fed or name == "teacher_forcing":
            yield f"strategy {name}", digest(trained(head("gru"), folder, strategies=[strategy]))
            continue
        net = ost.Sequential(ost.Embedding(3, 2), head("gru", 3))
        options = {"x": IDS, "loss": "cross_entropy", "strategies": [strategy]}
        yield f"strategy {name}", digest(trained(net, folder, IDS, **options))
    for name in names("loss"):
        loss = made("loss", name)
        labels = np.ones((len(X), getattr(loss, "labels", 1)), int)
        width = {"crf": 2 + 2 * 2, "ctc": 3, "pinball": 3, "student_t_nll": 3}.get(name, 2)
        span = loss.target_range()
        numbers = Y[..., : loss.target_size(width)]
        numbers = numbers if span is None else np.clip(numbers, *span)
        targets = {"index": CLASSES, "labels": labels}.get(loss.target, numbers)
        yield f"loss {name}", digest(trained(head("gru", width), folder, targets, loss=loss))
    for name in names("metric"):
        metric = made("metric", name)
        loss, targets = ("cross_entropy", CLASSES) if metric.target == "index" else ("mse", Y)
        net = head("gru")
        if name in ("wql", "coverage"):
            net, loss, targets = head("gru", 3), "pinball", Y[..., :1]
        yield f"metric {name}", digest(trained(net, folder, targets, loss=loss, metrics=[metric]))
    for name in names("initializer"):
        init = made("initializer", name)
        yield f"initializer {name}", digest(ost.Recurrent("rnn", 2, 4, init=init).arena.tobytes())
    for name in names("scorer"):
        net = ost.Attention(name, 4, 4).net
        yield f"scorer {name}", digest(net.arena.tobytes(), file_of(net, folder))
    for name in ("first", "last", "max", "mean", "sum"):
        yield f"layer {name}", digest(file_of(ost.Sequential(ost.GRU(2, 4), name), folder))
    falls = registry.resolve("schedule", "warm_up").spec.factory(2, own_schedule)
    yield "own code", digest(trained(head("gru"), folder, schedule=falls, strategies=[OwnOrder()]))
    yield "graph", digest(file_of(_graph(), folder))


def _graph() -> ost.Network:
    x, s = ost.Input("x", size=2), ost.Input("s", size=3, axis="row")
    h = ost.GRU(2, 4)(x)
    graph: ost.Network = ost.Graph(
        {"b": ost.Dense(4, 2)(h), "a": ost.Dense(7, 2)(ost.concat(ost.last(h), s))}
    )
    return graph


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = dict(cases(Path(folder)))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
