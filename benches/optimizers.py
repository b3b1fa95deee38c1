"""The time of an optimizer's step over a million float32 numbers, compared with that of Adam, in turns.

    python benches/optimizers.py [--seconds 5]

Prints for each optimizer the least time of a step in milliseconds, and its ratio to that of Adam: steps are
taken in turns, so that other work of the machine slows all of them. Needs the package ostinato-optimizers.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from ostinato_optimizers import LAMB, LARS, Adafactor, Lion, Lookahead

import ostinato as ost

ROWS, COLUMNS = 1000, 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    ost.set_num_threads(given.threads)
    made = [ost.Adam(), Lion(), LAMB(), LARS(), Adafactor(), Lookahead()]
    rng = np.random.default_rng(0)
    start, grads = ({"matrix": rng.normal(size=(ROWS, COLUMNS)).astype("float32")} for _ in range(2))
    params = {one.name: {"matrix": start["matrix"].copy()} for one in made}
    best = {one.name: np.inf for one in made}
    end = time.perf_counter() + given.seconds
    while time.perf_counter() < end:
        for one in made:
            before = time.perf_counter()
            one.step(params[one.name], grads)
            best[one.name] = min(best[one.name], time.perf_counter() - before)
    print(f"{ROWS * COLUMNS:,} numbers, {given.threads} thread(s)")
    for name, seconds in best.items():
        print(f"{name:10} {1e3 * seconds:7.2f} ms  {seconds / best['adam']:5.2f}")


if __name__ == "__main__":
    main()
