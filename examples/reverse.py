"""An encoder-decoder learns to write a sequence of digits backwards, with teacher forcing.

The decoder attends to the outputs of a bidirectional encoder. After training, it writes sequences that it has
never seen: the most likely digit is the next input, until the end symbol. A sequence is right if every digit
and the end are right.

Run: python examples/reverse.py [--query before|between|after] [--epochs 6] [--threads 1]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import ostinato as ost

DIGITS = 10
END = BEGIN = DIGITS  # the end is a target, the beginning an input


@dataclass
class Result:
    """Shares of test sequences that are right, written freely and with teacher forcing."""

    query: str
    exact: float
    forced: float
    seconds: float

    def __str__(self) -> str:
        return (
            f"query={self.query!r}: {self.exact:.2%} of the test sequences are right, "
            f"{self.forced:.2%} with teacher forcing; trained in {self.seconds:.0f} s"
        )


def sequences(rng: np.random.Generator, rows: int, longest: int) -> tuple[dict[str, Any], list[Any]]:
    """Inputs, targets: targets end with END, words begin with BEGIN and hold the targets without END."""
    source = [rng.integers(0, DIGITS, rng.integers(longest // 4, longest + 1)) for _ in range(rows)]
    targets = [np.concatenate([row[::-1], [END]]) for row in source]
    words = [np.concatenate([[BEGIN], row[:-1]]) for row in targets]
    return {"source": source, "words": words}, targets


def model(query: str, hidden: int, seed: int) -> ost.Graph:
    """Logits at each step of "words"."""
    source = ost.Input("source", ids=DIGITS, axis="source")
    words = ost.Input("words", ids=DIGITS + 1, axis="target")
    encoder = ost.GRU(16, hidden // 2, bidirectional=True)
    decoder = ost.Decoder("gru", 16, hidden, hidden, query=query)
    encoded = encoder(ost.Embedding(DIGITS, 16)(source))
    start = ost.Bridge(encoder, decoder)(encoded)
    decoded = decoder(ost.Embedding(DIGITS + 1, 16)(words), source=encoded, initial_state=start)
    return ost.Graph(ost.Dense(hidden, DIGITS + 1)(decoded), seed=seed)


def written(net: ost.Graph, source: Sequence[Any], longest: int) -> list[list[int]]:
    """The digits that the network writes, without the end; it stops after `longest` digits."""
    words = np.full((len(source), 1), BEGIN)
    for step in range(longest + 1):
        logits = net({"source": list(source), "words": words})
        words = np.concatenate([words, logits[:, step].argmax(-1)[:, None]], axis=1)
    rows = words[:, 1:].tolist()
    return [row[: row.index(END)] if END in row else row for row in rows]


def main(arguments: list[str] | None = None) -> Result:
    """Trains, prints and returns the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--query", default="before", choices=("before", "between", "after"))
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--longest", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    ost.set_num_threads(given.threads)
    rng = np.random.default_rng(given.seed)
    net = model(given.query, given.hidden, given.seed)
    start = time.perf_counter()
    trainer = ost.Trainer(
        net,
        loss="cross_entropy",
        optimizer=ost.Adam(lr=5e-3),
        schedule=ost.schedules.Cosine(),
        clip_norm=1.0,
        seed=given.seed,
    )
    trainer.fit(*sequences(rng, given.rows, given.longest), epochs=given.epochs, batch_size=64)
    seconds = time.perf_counter() - start
    test, targets = sequences(rng, 1000, given.longest)
    free = written(net, test["source"], given.longest)
    exact = np.mean([row == target[:-1].tolist() for row, target in zip(free, targets, strict=True)])
    forced = np.mean(
        [
            np.array_equal(scores.argmax(-1), target)
            for scores, target in zip(net.predict(test), targets, strict=True)
        ]
    )
    result = Result(given.query, float(exact), float(forced), seconds)
    print(result)
    return result


if __name__ == "__main__":
    main()
