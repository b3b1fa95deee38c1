"""Encoder-decoders: `make bench BENCH_FLAGS="decoders decoding"`. Compared with PyTorch.

The rows of `decoders` and `decoding` have the names P1 to P14. `python benches/decoders.py [P1 ...]` measures
some of them, and writes nothing.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from bench import Bench
from decoder_rival import Rival, Work
from timing import alternate
from torch.nn import functional

import ostinato as ost
from ostinato import ops

# float32: relative to the largest number of each tensor.
TOLERANCE = 1e-3
# What float64 differs by.
EXACT = 1e-9
BEGIN, BEAM = 0, 5
# Steps of a word of the G2P shape, each search's exact number: nothing ends earlier, on either side.
STEPS = 8


class OwnScorer(ost.Scorer):
    """The equations of "additive", as a user writes them."""

    name = "own"

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        """Two matrices and a vector."""
        return {
            "weight_q": ost.Param((size.key, size.query)),
            "weight_k": ost.Param((size.key, size.key)),
            "v": ost.Param((size.key,), init="uniform"),
        }

    def step(self, query: Any, key: Any, p: Any, place: Any) -> Any:
        """The score of an entry."""
        return ops.dot(p.v, ops.tanh(p.weight_q @ query + p.weight_k @ key))


@dataclass(frozen=True)
class Shape:
    """An encoder-decoder: a bidirectional GRU, an additive attention of the memory's width, a GRU.

    query: as of ost.Decoder, or "none" for a GRU without attention and readout.
    shortest: rows have from `shortest` to `entries` entries, and about as many steps; 0: all of them have
        `entries` and `steps`.
    """

    rows: int
    entries: int
    steps: int
    hidden: int
    memory: int
    embedded: int = 64
    vocabulary: int = 42
    query: str = "before"
    feeding: bool = True
    shortest: int = 0
    readout: int | None = None
    own_scorer: bool = False

    def net(self, dtype: str = "float32") -> ost.Graph:
        """The network, with the same random parameters for the same shape."""
        source = ost.Input("source", ids=self.vocabulary, axis="source")
        words = ost.Input("words", ids=self.vocabulary, axis="target")
        encoder = ost.GRU(self.embedded, self.memory // 2, bidirectional=True, dtype=dtype)
        encoded = encoder(ost.Embedding(self.vocabulary, self.embedded, dtype=dtype)(source))
        inputs = ost.Embedding(self.vocabulary, self.embedded, dtype=dtype)(words)
        width = self.readout or self.hidden
        if self.query == "none":
            decoder: Any = ost.GRU(self.embedded, self.hidden, dtype=dtype)
            start = ost.Bridge(encoder, decoder, dtype=dtype)(encoded)
            decoded = decoder(inputs, initial_state=start)
        else:
            decoder = ost.Decoder(
                "gru", self.embedded, self.hidden, self.memory, OwnScorer if self.own_scorer else "additive",
                query=self.query, input_feeding=self.feeding, dtype=dtype,
                readout=ost.Head(self.readout) if self.readout else "tanh",
            )  # fmt: skip
            start = ost.Bridge(encoder, decoder, dtype=dtype)(encoded)
            decoded = decoder(inputs, source=encoded, initial_state=start)
        net = ost.Graph(ost.Dense(width, self.vocabulary, dtype=dtype)(decoded))
        rng = np.random.default_rng(0)
        for view in net.parameters().values():
            view[...] = rng.uniform(-1, 1, view.shape) / np.sqrt(view.shape[-1])
        return net

    def attention_flops(self, entries: int, steps: int) -> int:
        """Forward, of one row: keys, queries, scores, contexts, and the readout."""
        if self.query == "none":
            return 0
        width, inputs = self.memory, self.hidden + self.memory + (self.embedded if self.readout else 0)
        each = 2 * width * self.hidden + 4 * entries * width + 2 * (self.readout or self.hidden) * inputs
        return 2 * width * width * entries + each * steps

    def fed_flops(self, steps: int) -> int:
        """Forward, of one row: what is fed to the cell, besides the word."""
        second = self.hidden if self.query == "between" else 0
        fed = {"before": self.memory * self.feeding, "after": self.hidden, "between": self.memory, "none": 0}
        return 6 * self.hidden * (fed[self.query] + second) * steps

    def encoder_flops(self, entries: int) -> int:
        """Forward, of one row: both directions, and the first state."""
        half = self.memory // 2
        return 12 * half * (self.embedded + half) * entries + 2 * self.memory * self.hidden

    def flops(self, entries: int, steps: int) -> int:
        """Forward, of one row. A training step takes three times as many."""
        head = 2 * self.vocabulary * (self.readout or self.hidden)
        cell = 6 * self.hidden * (self.embedded + self.hidden)
        own = (cell + head) * steps + self.encoder_flops(entries)
        return own + self.fed_flops(steps) + self.attention_flops(entries, steps)


@dataclass
class Task:
    """A shape with a batch of random ids."""

    shape: Shape
    net: ost.Graph = field(init=False)
    source: np.ndarray = field(init=False)
    words: np.ndarray = field(init=False)
    targets: np.ndarray = field(init=False)
    lengths: dict[str, np.ndarray] | None = field(init=False)

    def __post_init__(self) -> None:
        shape, rng = self.shape, np.random.default_rng(1)
        self.net = shape.net()
        draw = functools.partial(rng.integers, 1, shape.vocabulary)
        self.source = draw((shape.rows, shape.entries))
        self.targets = draw((shape.rows, shape.steps))
        self.words = np.concatenate([np.full((shape.rows, 1), BEGIN), self.targets[:, :-1]], 1)
        self.lengths = None
        if shape.shortest:
            entries = rng.integers(shape.shortest, shape.entries + 1, shape.rows)
            steps = np.clip(entries + rng.integers(-2, 2, shape.rows), 1, shape.steps)
            self.lengths = {"source": entries, "target": steps}

    @property
    def each(self) -> list[tuple[int, int]]:
        """Entries and steps of every row."""
        if self.lengths is None:
            return [(self.shape.entries, self.shape.steps)] * self.shape.rows
        return [(int(a), int(b)) for a, b in zip(*self.lengths.values(), strict=True)]

    def flops(self) -> int:
        """A training step's."""
        return 3 * sum(self.shape.flops(*one) for one in self.each)

    def train(self, net: ost.Graph | None = None) -> tuple[float, Any]:
        """Loss and gradients."""
        given: Any = {"source": self.source, "words": self.words}
        return (net or self.net).value_and_grad(
            given, self.targets, loss="cross_entropy", lengths=self.lengths
        )

    def decode(self, steps: int, beam: int, net: ost.Graph | None = None) -> Any:
        """The best ids of each row."""
        lengths = None if self.lengths is None else {"source": self.lengths["source"]}
        return (net or self.net).decode(
            {"source": self.source}, begin=BEGIN, end=None, max_length=steps, beam=beam, lengths=lengths
        )

    def rival(self, dtype: torch.dtype = torch.float32) -> Work:
        """PyTorch's side, with the same parameters."""
        shape = self.shape
        rival = Rival(
            self.net.state_dict(), dtype, shape.query, attends=shape.query != "none",
            activated=shape.readout is None, feeding=shape.feeding,
        )  # fmt: skip
        entries, valid = None, None
        if self.lengths is not None:
            entries = self.lengths["source"]
            valid = np.arange(shape.steps)[None] < self.lengths["target"][:, None]
        return Work(rival, self.source, entries, self.words, self.targets, valid)

    def exact(self) -> ost.Graph:
        """Ours in float64, with the same parameters."""
        net = self.shape.net("float64")
        net.load_state_dict({name: value.astype(np.float64) for name, value in self.net.state_dict().items()})
        return net

    def checked_training(self) -> Work:
        """PyTorch's side, after losses and gradients have agreed with each other and with float64."""
        rival, exact = self.rival(), self.rival(torch.float64)
        truth = {"loss": np.array(exact.train())} | exact.rival.gradients()
        for name, net, tolerance in (("float32", self.net, TOLERANCE), ("float64", self.exact(), EXACT)):
            loss, gradients = self.train(net)
            agree(f"ostinato {name}", {"loss": np.array(loss)} | dict(gradients.params), truth, tolerance)
        agree("torch", {"loss": np.array(rival.train())} | rival.rival.gradients(), truth, TOLERANCE)
        return rival

    def checked_decoding(self, steps: int, beam: int) -> Work:
        """The same, after both have found the same ids in float64, with log-probabilities as in float32."""
        exact, net = self.rival(torch.float64), self.exact()
        best, total = exact.beam(BEGIN, steps, beam) if beam > 1 else (exact.greedy(BEGIN, steps), None)
        found = self.decode(steps, beam, net)
        if not np.array_equal(np.array(found.tokens), best.numpy()):
            sys.exit(f"{self.shape} beam {beam}: ostinato and torch find other ids; nothing is timed")
        if total is not None:
            scores = {"ostinato": found.log_probs, "float32": self.decode(steps, beam).log_probs}
            scores["torch"] = self.rival().beam(BEGIN, steps, beam)[1].numpy()
            for name, value in scores.items():
                agree(name, {"log_probs": np.array(value)}, {"log_probs": total.numpy()}, TOLERANCE)
        return self.rival()


def agree(side: str, found: dict[str, np.ndarray], truth: dict[str, np.ndarray], tolerance: float) -> None:
    """Exits where results differ: what is wrong is not timed."""
    if set(found) != set(truth):
        sys.exit(f"{side}: {sorted(set(found) ^ set(truth))}: only one side has it; nothing is timed")
    for name, value in found.items():
        scale = max(np.abs(truth[name]).max(), 1e-6)
        worst = np.abs(value - truth[name]).max() / scale
        if not worst <= tolerance:
            sys.exit(f"{side}: {name} is off by {worst:.2g}; nothing is timed")


class ManyTanh(ost.Cell):
    """A chain of tanh: to measure one."""

    def __init__(self, count: int) -> None:
        self.count = count

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        """None."""
        return {}

    def state(self, size: Any) -> dict[str, ost.State]:
        """The last output, which no step reads."""
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        """Returns tanh(tanh(...))."""
        for _ in range(self.count):
            x = ops.tanh(x)
        return x, {"h": x}


@functools.cache
def tanh_seconds() -> float:
    """Seconds that Ostinato takes for a tanh of one element among many."""
    ost.set_num_threads(1)
    x = np.random.default_rng(0).standard_normal((32, 100, 128)).astype(np.float32)
    nets, best = {count: ost.Recurrent(ManyTanh(count), 128, 128) for count in (1, 17)}, {}
    for _ in range(30):
        for count, net in nets.items():
            start = time.perf_counter()
            net.run(x)
            best[count] = min(best.get(count, np.inf), time.perf_counter() - start)
    return float(best[17] - best[1]) / 16 / x.size


TWENTY = {hidden: Shape(32, 20, 20, hidden, hidden) for hidden in (128, 256, 512)}
# Words and their sounds: 8.5 letters and 7.3 sounds on average.
WORDS = Shape(64, 13, 12, 128, 128, shortest=4)


def words(rows: int, **options: Any) -> Shape:
    """Words of eight letters, and as many sounds."""
    return Shape(rows, STEPS, STEPS, 128, 128, **options)


def training(bench: Bench) -> None:
    """P1: a training step; the context is fed, or the readout (Luong). P2: words of many lengths."""
    for hidden, shape in TWENTY.items():
        for query in ("before", "after"):
            task = Task(replace(shape, query=query))
            rival = task.checked_training()
            for threads in bench.threads if query == "before" else (1,):
                bench.pair(
                    "decoders", f"P1 GRU, query={query!r} H={hidden} train", "torch loop", threads,
                    task.train, rival.train, work="train", flops=task.flops(),
                )  # fmt: skip
    task = Task(WORDS)
    rival = task.checked_training()
    for threads in bench.threads:
        row = bench.pair(
            "decoders", "P2 words N=64 train", "torch loop", threads,
            task.train, rival.train, work="train", flops=task.flops(),
        )  # fmt: skip
        row["note"] = f"an epoch of 112,000 words takes {112_000 / 64 * row['ours_ms'] / 1e3:.0f} s"


def without_feeding(bench: Bench) -> None:
    """P3: the attention follows the loop, compared with the same GRU without attention."""
    for hidden in (128, 256):
        _attention(bench, f"P3 no input feeding, H={hidden}", replace(TWENTY[hidden], feeding=False))
        shape = replace(TWENTY[hidden], feeding=False)
        task = Task(shape)
        bench.pair(
            "decoders", f"P3 no input feeding, H={hidden} train", "torch loop", 1,
            task.train, task.checked_training().train, work="train", flops=task.flops(),
        )  # fmt: skip


def with_attention(bench: Bench) -> None:
    """P4: the attention in the loop, compared with the same GRU without attention."""
    for hidden in (128, 256):
        _attention(bench, f"P4 input feeding, H={hidden}", TWENTY[hidden])


def _attention(bench: Bench, what: str, shape: Shape) -> None:
    """A decoder, compared with a GRU: the extra time, over the time that its FLOPs and tanh need.

    The rate is that of the decoder without attention. A tanh is computed twice.
    """
    task, plain = Task(shape), Task(replace(shape, query="none"))
    row = bench.pair(
        "decoders", f"{what}, with attention", "without", 1, task.train, plain.train, work="train", own=True
    )
    tanh = 2 * sum(entries * steps for entries, steps in task.each) * shape.memory * tanh_seconds()
    rate = plain.flops() / (row["theirs_ms"] / 1e3)
    needed = 1e3 * ((task.flops() - plain.flops()) / rate + tanh)
    extra = row["ours_ms"] - row["theirs_ms"]
    row["over_needed"] = extra / needed
    row["note"] = (
        f"extra {extra:.2f} ms; {needed:.2f} ms at the speed of the GRU alone, of which tanh "
        f"{1e3 * tanh:.2f} ms; ratio {extra / needed:.2f}; "
        f"whole {row['ours_ms'] / (row['theirs_ms'] + needed):.2f}"
    )


def searches(bench: Bench) -> None:
    """P6: greedy. P7: beam search. One word and many."""
    for beam, name in ((1, "P6 greedy"), (BEAM, f"P7 beam {BEAM}")):
        for rows in (1, 32):
            task = Task(words(rows))
            rival = task.checked_decoding(STEPS, beam)
            theirs: Callable[[], object] = functools.partial(rival.greedy, BEGIN, STEPS)
            if beam > 1:
                theirs = functools.partial(rival.beam, BEGIN, STEPS, beam)
            for threads in bench.threads if rows > 1 else (1,):
                ours = functools.partial(task.decode, STEPS, beam)
                row = bench.pair("decoding", f"{name}, N={rows}", "torch loop", threads, ours, theirs)
                row["tokens_per_second"] = rows * STEPS / (row["ours_ms"] / 1e3)
                row["note"] = f"{row['tokens_per_second']:,.0f} tokens per second"


def batches(bench: Bench) -> None:
    """P7: beams of batches of words, compared with smaller batches."""
    task = Task(words(128))
    for rows in (8, 32, 128):

        def cut(rows: int) -> None:
            for first in range(0, 128, rows):
                task.net.decode(
                    {"source": task.source[first : first + rows]},
                    begin=BEGIN, end=None, max_length=STEPS, beam=BEAM,
                )  # fmt: skip

        bench.pair(
            "decoding", f"P7 beam {BEAM}, 128 words, {rows} at a time", f"{rows // 4} at a time", 1,
            functools.partial(cut, rows), functools.partial(cut, rows // 4), own=True,
        )  # fmt: skip


def uneven(bench: Bench) -> None:
    """P8: 1,000 words of 1 to 30 letters, compared with as many steps of words of one length."""
    rng = np.random.default_rng(2)
    task = Task(Shape(1000, 30, 30, 128, 128))
    lengths = np.clip(rng.geometric(1 / 8, 1000), 1, 30)
    total = int(lengths.sum())
    even = np.full(1000, total // 1000)
    even[: total % 1000] += 1

    def search(lengths: np.ndarray) -> None:
        task.net.decode(
            {"source": task.source}, begin=BEGIN, end=None, beam=BEAM, max_length=lambda length: length,
            lengths={"source": lengths},
        )  # fmt: skip

    row = bench.pair(
        "decoding", f"P8 beam {BEAM}, 1,000 words of 1 to 30 letters", "all of one length", 1,
        functools.partial(search, lengths), functools.partial(search, even), own=True,
    )  # fmt: skip
    row["note"] = f"{total:,} steps on both sides; {1 / row['ratio']:.2f} of the time of words of one length"


def two_threads(bench: Bench) -> None:
    """P9: two threads, compared with one."""
    if 2 not in bench.threads:
        return
    task, many = Task(TWENTY[128]), Task(words(64))
    works: dict[str, Callable[[], object]] = {
        "train N=32 H=128": task.train,
        "greedy N=64": lambda: many.decode(STEPS, 1),
        f"beam {BEAM} N=64": lambda: many.decode(STEPS, BEAM),
    }
    for what, work in works.items():

        def by(count: int, work: Callable[[], object] = work) -> None:
            ost.set_num_threads(count)
            work()

        bench.pair(
            "decoding", f"P9 {what}, two threads", "one thread", 2,
            functools.partial(by, 2), functools.partial(by, 1), own=True,
        )  # fmt: skip


def translation(bench: Bench) -> None:
    """P10: the shape of Nematus' English-German models, beam 5, 16 sentences."""
    steps = 8
    shape = Shape(
        16, 20, steps, 1024, 2048, embedded=500, vocabulary=30_000, query="between", readout=500
    )  # fmt: skip
    task = Task(shape)
    rival = task.rival()
    theirs = functools.partial(rival.beam, BEGIN, steps, BEAM)
    found, wanted = task.decode(steps, BEAM), theirs()[1].numpy()
    agree("ostinato", {"log_probs": np.array(found.log_probs)}, {"log_probs": wanted}, TOLERANCE)
    flops = shape.rows * (
        BEAM * shape.flops(shape.entries, steps)
        - (BEAM - 1) * (shape.encoder_flops(shape.entries, ) + 2 * shape.memory**2 * shape.entries)
    )  # fmt: skip
    row = bench.pair(
        "decoding", f"P10 Nematus, beam {BEAM}, N=16", "torch loop", 1,
        functools.partial(task.decode, steps, BEAM), theirs, flops=flops,
    )  # fmt: skip
    row["note"] = f"{shape.rows * steps / (row['ours_ms'] / 1e3):.0f} words per second"


def candidates(bench: Bench) -> None:
    """P11: the candidates of five hypotheses among 30,000 ids, compared with PyTorch's log-softmax and top-k.

    The logits of ours are a product with one feature, which is in the time, too. A read of the logits is
    NumPy's maximum of an array in the cache.
    """
    ids, steps = 30_000, 16
    net = ost.Sequential(ost.Embedding(ids, 1), ost.Dense(1, ids))
    rng = np.random.default_rng(4)
    for view in net.parameters().values():
        view[...] = rng.standard_normal(view.shape)
    logits = rng.standard_normal((BEAM, ids)).astype(np.float32)
    given, before = torch.from_numpy(logits), torch.zeros(BEAM, 1)

    def theirs() -> None:
        with torch.inference_mode():
            for _ in range(steps):
                (functional.log_softmax(given, -1) + before).view(-1).topk(2 * BEAM)

    def ours() -> None:
        net.decode(begin=BEGIN, end=None, max_length=steps, beam=BEAM)

    row = bench.pair("decoding", f"P11 beam {BEAM}, 30,000 ids", "torch log-softmax, top-k", 1, ours, theirs)
    reads = alternate(logits.max, logits.max, 0.2).ours
    each = row["ours_ms"] / 1e3 / steps
    row["note"] = (
        f"{1e6 * each:.0f} us a step with the product that makes the logits; a read of them takes "
        f"{1e6 * reads:.0f} us: {each / reads:.1f} reads"
    )


def sampling(bench: Bench) -> None:
    """P12: scheduled sampling, half of the ids are true. P13: REINFORCE, five samples per row.

    P12 again with rows whose first ids differ.
    """
    task = Task(words(32))
    coin = np.random.default_rng(3).random(task.words.shape) < 0.5
    prefix = np.where(coin, task.words, -1)[:, 1:]

    def scheduled(begin: Any = BEGIN) -> None:
        drawn = task.net.decode(
            {"source": task.source}, begin=begin, end=None, max_length=STEPS - 1, beam=1, prefix=prefix
        )
        first = np.broadcast_to(begin, len(task.words))[:, None]
        fed = np.concatenate([first, np.array(drawn.tokens)], 1)
        task.net.value_and_grad(
            {"source": task.source, "words": fed}, task.targets, loss="cross_entropy", lengths=None
        )

    row = bench.pair(
        "decoding", "P12 scheduled sampling, N=32", "teacher forcing", 1, scheduled, task.train, own=True
    )
    row["note"] = f"{1 / row['ratio']:.2f} of the time of teacher forcing"
    own = np.arange(len(task.words)) % task.shape.vocabulary
    row = bench.pair(
        "decoding", "P12 the same, each row has its first id", "teacher forcing", 1,
        functools.partial(scheduled, own), task.train, own=True,
    )  # fmt: skip
    row["note"] = f"{1 / row['ratio']:.2f} of the time of teacher forcing"

    count = 5
    source = np.repeat(task.source, count, 0)
    draw = ost.Sample(count)

    def draws() -> np.ndarray:
        found = task.net.decode({"source": task.source}, begin=BEGIN, end=None, max_length=STEPS, sample=draw)
        return np.array([one.tokens for row in found for one in row])

    def update(tokens: np.ndarray, advantage: np.ndarray) -> None:
        fed = np.concatenate([np.full((len(tokens), 1), BEGIN), tokens[:, :-1]], 1)
        weights = np.repeat(advantage[:, None], STEPS, 1).astype(np.float32)
        task.net.value_and_grad(
            {"source": source, "words": fed}, tokens, loss="cross_entropy", weights=weights, reduction="sum"
        )

    def reinforced() -> None:
        tokens = draws()
        rewards = (tokens == np.repeat(task.targets, count, 0)).mean(1).reshape(-1, count)
        others = (rewards.sum(1, keepdims=True) - rewards) / (count - 1)
        update(tokens, (rewards - others).reshape(-1))

    fixed = draws()

    def parts() -> None:
        draws()
        update(fixed, np.ones(len(fixed)))

    row = bench.pair(
        "decoding", "P13 REINFORCE, N=32, 5 samples", "samples + update", 1, reinforced, parts, own=True
    )
    row["note"] = f"{1 / row['ratio']:.2f} of the time of its parts"


def own_scorers(bench: Bench) -> None:
    """P14: a user's scorer, compared with the built-in one of the same equations."""
    for hidden in (128, 256):
        task, own = Task(TWENTY[hidden]), Task(replace(TWENTY[hidden], own_scorer=True))
        bench.pair(
            "decoders", f"P14 a user's scorer, H={hidden} train", "built in", 1, own.train, task.train,
            work="train", flops=task.flops(), own=True,
        )  # fmt: skip


ROWS: dict[str, dict[str, Callable[[Bench], None]]] = {
    "decoders": {
        "P1": training, "P3": without_feeding, "P4": with_attention, "P14": own_scorers,
    },
    "decoding": {
        "P6": searches, "P7": batches, "P8": uneven, "P9": two_threads, "P10": translation,
        "P11": candidates, "P12": sampling,
    },
}  # fmt: skip


def measure(bench: Bench, part: str) -> None:
    """All rows of a part."""
    for rows in ROWS[part].values():
        rows(bench)


def main() -> None:
    """Measures the rows that are named, or all."""
    every = {name: rows for part in ROWS.values() for name, rows in part.items()}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROWS", choices=[*every, []], help=", ".join(every))
    parser.add_argument("--seconds", type=float, default=2.0, help="of a pair")
    options = parser.parse_args()
    bench = Bench(options.seconds)
    for name in options.rows or every:
        every[name](bench)
    for row in bench.rows:
        if "note" in row:
            print(f"{row['what']}, {row['threads']} thread(s): {row['note']}")


if __name__ == "__main__":
    main()
