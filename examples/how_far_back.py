"""How far back does it learn? The adding problem under full, checkpointed and truncated BPTT.

A sequence holds T numbers from 0 to 1, and two marks: one in the first half, one in the second. After the
last step the network must output the sum of the two marked numbers. An answer is correct if its error is
below .04; the problem counts as learned when the last 2,000 answers in training were correct. A constant
output of 1 has a squared error of 1/6.

Run: python examples/how_far_back.py [--steps 100] [--sequences 150000] [--json FILE] [--plot FILE]
Source: Hochreiter & Schmidhuber 1997, "Long short-term memory", experiment 4.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

import ostinato as ost

BATCH = 20
TOLERANCE = 0.04
IN_A_ROW = 2_000
TEST = 2_560


def sequences(rng: np.random.Generator, rows: int, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (N, T, 2): number and mark. Targets (N, T, 1), weights (N, T): the sum at the last step alone."""
    x = np.zeros((rows, steps, 2), "float32")
    x[..., 0] = rng.random((rows, steps))
    marks = rng.integers(0, steps // 2, rows), rng.integers(steps // 2, steps, rows)
    targets, weights = np.zeros((rows, steps, 1), "float32"), np.zeros((rows, steps), "float32")
    for mark in marks:
        x[np.arange(rows), mark, 1] = 1
        targets[:, -1, 0] += x[np.arange(rows), mark, 0]
    weights[:, -1] = 1
    return x, targets, weights


@dataclass
class Result:
    """The result of one BPTT mode. `curve`: sequences seen, and the mean squared error of the last 2,000."""

    way: str
    learned_after: int | None = None
    wrong_of_test: int = TEST
    test_error: float = 0.0
    seconds: float = 0.0
    curve: list[tuple[int, float]] = field(default_factory=list)

    def __str__(self) -> str:
        when = "not learned" if self.learned_after is None else f"learned after {self.learned_after:,}"
        wrong = f"{self.wrong_of_test:,} of {TEST:,} wrong"
        return f"{self.way:28} {when:22} {wrong:22} mse {self.test_error:.5f}"


def train(way: ost.ThroughTime, steps: int, most: int, hidden: int = 64, seed: int = 0) -> Result:
    """Trains until the problem is learned, or for `most` sequences, and tests on new sequences."""
    rng = np.random.default_rng(seed)
    net = ost.Sequential(ost.LSTM(2, hidden, seed=seed), ost.Dense(hidden, 1, seed=seed + 1))
    optimizer = ost.Adam(lr=0.01)
    result, began = Result(str(way)), time.perf_counter()
    errors = np.full(IN_A_ROW, np.inf)
    for seen in range(0, most, BATCH):
        optimizer.lr = 0.01 * 0.5 ** (seen / 20_000)
        x, targets, weights = sequences(rng, BATCH, steps)
        before = net.run(x).outputs[:, -1, 0]
        errors = np.concatenate([errors[BATCH:], np.abs(before - targets[:, -1, 0])])
        if seen % 1_000 == 0 and seen >= IN_A_ROW:
            result.curve.append((seen, float(np.mean(errors**2))))
        if (errors < TOLERANCE).all():
            result.learned_after = seen + BATCH
            break
        _, grads = net.value_and_grad(x, targets, weights=weights, loss="mse", through_time=way)
        ost.clip_norm(grads.arena, 1.0)
        optimizer.step(net.arena, grads.arena)
    x, targets, _ = sequences(np.random.default_rng(seed + 10**6), TEST, steps)
    error = net.run(x).outputs[:, -1] - targets[:, -1]
    result.wrong_of_test = int((np.abs(error) >= TOLERANCE).sum())
    result.test_error = float(np.mean(error**2))
    result.seconds = time.perf_counter() - began
    return result


def plot(results: list[Result], steps: int, path: Path) -> None:
    """Squared error against sequences seen, one line for each mode."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, ax = pyplot.subplots(figsize=(7, 4))
    for result in results:
        seen, errors = zip(*result.curve, strict=True)
        ax.semilogy(seen, errors, label=result.way)
    ax.axhline(1 / 6, color="grey", linestyle=":", label="always 1")
    ax.set(xlabel="sequences", ylabel="mean squared error", title=f"Adding problem, T = {steps}")
    ax.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def way_of(name: str) -> ost.ThroughTime:
    """A BPTT mode by its name on the command line."""
    if name == "full":
        return ost.FullBPTT()
    return ost.CheckpointedBPTT("sqrt") if name == "checkpointed" else ost.TruncatedBPTT(int(name), int(name))


def main(arguments: list[str] | None = None) -> list[Result]:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="The adding problem with every mode of backpropagation through time."
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--sequences", type=int, default=150_000)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", help='"full", "checkpointed", or the k of TruncatedBPTT(k, k)')
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args(arguments)
    ost.set_num_threads(given.threads)  # a batch of 20 short rows is too little for more
    steps = given.steps
    results = []
    for name in given.ways or ["full", "checkpointed", *(str(steps * k // 100) for k in (50, 25, 10, 2))]:
        results.append(train(way_of(name), steps, given.sequences, given.hidden, given.seed))
        print(results[-1], f"({results[-1].seconds:.0f} s)", flush=True)
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    if given.plot:
        plot(results, steps, given.plot)
    return results


if __name__ == "__main__":
    main()
