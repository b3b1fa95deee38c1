"""Whether the time is proportional to the sum of the lengths: ragged and full batches, in under a minute.

`python benches/ragged.py [SECONDS]` runs a training step of an LSTM on a batch whose rows are all T steps,
and on others with the same N and T but other lengths; then on 8 batches that `ostinato.data.Batches` sorted
by length. `per step` is the time of a valid step, relative to that of the full batch: 1 where padding costs
nothing. It writes `results/ragged.json`. float32, one thread.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import machine
import numpy as np
from timing import alternate

import ostinato as ost
from ostinato.data import Batches

T, N, H = 200, 64, 128
RESULT = Path(__file__).parent / "results" / "ragged.json"


def lengths_of() -> dict[str, np.ndarray]:
    """Lengths by name, all with a row of T."""
    rng = np.random.default_rng(0)
    made = {
        "uniform 1..T": rng.integers(1, T + 1, size=N),
        "uniform T/2..T": rng.integers(T // 2, T + 1, size=N),
        "exponential, mean T/4": np.clip(rng.exponential(T / 4, size=N).astype(int), 1, T),
        "one of T, others T/4": np.full(N, T // 4),
        "half T, half T/10": np.where(np.arange(N) % 2, T, T // 10),
    }
    for lengths in made.values():
        lengths[0] = T
    many = np.clip(rng.exponential(T / 4, size=8 * N).astype(int), 1, T)
    return {**made, "exponential, 8 sorted": many}


def sorted_by_length(x: np.ndarray, targets: np.ndarray, lengths: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """Batches of N rows each; the numbers in them are those of x and targets, again and again."""
    rows = [x[place % N, :length] for place, length in enumerate(lengths)]
    wanted = [targets[place % N, :length] for place, length in enumerate(lengths)]
    batches = Batches(rows, wanted, batch_size=N, pool=None)
    return [(batch.x, batch.targets, batch.lengths) for batch in batches]


def main(seconds: float) -> None:
    """Measures, prints, writes."""
    ost.set_num_threads(1)
    rng = np.random.default_rng(1)
    x, targets = (rng.standard_normal((N, T, H), dtype=np.float32) for _ in "xy")
    net = ost.LSTM(H, H)
    rows = []
    print(f"{'':26}{'of the steps':>13}{'of the time':>13}{'per step':>10}  95 %")
    for name, lengths in lengths_of().items():
        share = float(lengths.sum()) / (N * T)
        batches = sorted_by_length(x, targets, lengths) if len(lengths) > N else [(x, targets, lengths)]
        pair = alternate(
            lambda: net.value_and_grad(x, targets, loss="mse"),
            lambda: [net.value_and_grad(*one, loss="mse", lengths=some) for *one, some in batches],  # noqa: B023
            seconds,
        )
        each = {"per_step": pair.ratio / share, "low": pair.low / share, "high": pair.high / share}
        rows.append({"lengths": name, "share": share, "full": pair.ours, "ragged": pair.theirs, **each})
        print(
            f"{name:26}{share:13.1%}{pair.ratio:13.1%}{each['per_step']:10.3f}"
            f"  {each['low']:.3f} to {each['high']:.3f}"
        )
    content = {
        "machine": machine.describe(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "shape": {"T": T, "N": N, "H": H},
        "rows": rows,
    }
    RESULT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 6.0)
