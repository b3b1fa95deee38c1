"""The steady state: a step of Adam against the bandwidth of memory, a step of a stream, an almost empty call.

    python benches/steady.py [--threads 2]

Adam moves seven numbers for each parameter (reads it, its gradient and two slots, writes all but the
gradient). It is compared with a bandwidth: the better one of two operations, in the same run, with the
same number of threads, on arrays as large: a copy, and `a += b`. A stream's step includes the Python call,
into an array of the caller's. Medians; the runs of the rows alternate.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import ostinato as ost
from ostinato.aligned import aligned_zeros

PARAMETERS = 16_000_000  # four arrays of 64 MB: larger than any third cache here
ROUNDS = 9


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def adam(threads: int) -> None:
    """Print GB/s of Adam, with and without clipping, and of what only moves memory."""
    ost.set_num_threads(threads)
    rng = np.random.default_rng(0)
    param, grad = aligned_zeros((PARAMETERS,), "float32"), aligned_zeros((PARAMETERS,), "float32")
    param[...], grad[...] = rng.normal(size=PARAMETERS), rng.normal(size=PARAMETERS)
    other, target = np.ones_like(param), np.ones_like(param)
    optimizer = ost.Adam()
    pieces = [slice(i * PARAMETERS // threads, (i + 1) * PARAMETERS // threads) for i in range(threads)]
    with ThreadPoolExecutor(threads) as pool:

        def copied() -> None:
            list(pool.map(lambda piece: np.copyto(target[piece], other[piece]), pieces))

        def added() -> None:
            list(pool.map(lambda piece: np.add(target[piece], other[piece], out=target[piece]), pieces))

        works: dict[str, tuple[int, Callable[[], object]]] = {
            "copy": (2, copied),
            "a += b": (3, added),
            "Adam": (7, lambda: optimizer.step(param, grad)),
            "Adam, clipped": (8, lambda: optimizer.step(param, grad, clip_norm=1.0)),
        }
        times: dict[str, list[float]] = {name: [] for name in works}
        for number in range(ROUNDS + 1):
            for name, (_, work) in works.items():
                taken = seconds(work)
                if number:
                    times[name].append(taken)
    rates = {
        name: works[name][0] * 4 * PARAMETERS / statistics.median(all_) / 1e9 for name, all_ in times.items()
    }
    best = max(rates["copy"], rates["a += b"])
    for name, rate in rates.items():
        print(f"{threads} thread(s)  {name:<14} {rate:6.1f} GB/s  {rate / best:5.0%}")


def streams() -> None:
    """Print microseconds of one step of one row."""
    for cell in ("lstm", "gru"):
        for hidden in (64, 128, 256, 512):
            net = ost.Recurrent(cell, hidden, hidden)
            stream = net.stream()
            x, out = np.ones((1, hidden), "float32"), np.empty((1, hidden), "float32")

            def steps(stream=stream, x=x, out=out) -> None:
                for _ in range(200):
                    stream.step(x, out=out)

            best = [seconds(steps) / 200 * 1e6 for _ in range(15)]
            print(
                f"stream  {cell:<4} H={hidden:<3} {statistics.median(best):7.2f} us  best {min(best):7.2f} us"
            )


def calls() -> None:
    """Print microseconds of calls that have next to nothing to compute: what a call costs by itself."""
    net, x, y = ost.LSTM(4, 4), np.ones((1, 1, 4), "float32"), np.ones((1, 1, 4), "float32")
    for name, call in {
        "run": lambda: net.run(x),
        "value_and_grad": lambda: net.value_and_grad(x, y, loss="mse"),
    }.items():
        taken = [seconds(lambda call=call: [call() for _ in range(100)]) * 1e4 for _ in range(15)]
        print(f"a call  {name:<14} {statistics.median(taken):7.2f} us  best {min(taken):7.2f} us")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    for count in sorted({1, threads}):
        adam(count)
    ost.set_num_threads(1)
    streams()
    calls()


if __name__ == "__main__":
    main()
