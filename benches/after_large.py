"""Whether a large call makes later calls slow: `python benches/after_large.py [--rows 10 1000 100000]`.

Each line has the time of a small call before and after a call of so many rows, and of the large call itself.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import ostinato as ost

STEPS = 10


def milliseconds(call: Callable[[], object], times: int) -> float:
    """The shortest of several calls."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return min(taken) * 1e3


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10, 1_000, 100_000])
    small = np.ones((1_000, STEPS, 1), np.float32)
    print(f"{'rows':>9} {'small before':>13} {'run':>9} {'value_and_grad':>15} {'small after':>12}  (ms)")
    for rows in parser.parse_args().rows:
        net = ost.RNN(1, 1)
        large = np.ones((rows, STEPS, 1), np.float32)
        before = milliseconds(lambda net=net: net.run(small), 10)
        run = milliseconds(lambda net=net, large=large: net.run(large), 2)
        train = milliseconds(lambda net=net, large=large: net.value_and_grad(large, large, loss="mse"), 2)
        after = milliseconds(lambda net=net: net.run(small), 10)
        print(f"{rows:>9,} {before:>13.2f} {run:>9.2f} {train:>15.2f} {after:>12.2f}")


if __name__ == "__main__":
    main()
