"""This checkout against another one, both built: `python benches/against.py OTHER [--rounds 7]`.

OTHER is the folder of the other checkout, such as a worktree of an earlier commit in which `make build`
ran. Each side has a process of its own, and a new one in every round: where the system puts the memory of a
process moves its times by 2 to 3 %, as long as it lives. The sides take turns, in an order that changes, on
the shapes of `make bench-quick`. A ratio is the other side's time divided by the time of this one: above 1,
this checkout is faster. Each line has the median of the rounds and the quartiles.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS, STEPS = 32, 100
KINDS = {"lstm": "lstm", "gru": "gru", "light gru": "cells/ligru"}
SECONDS = 0.25


class Side:
    """One checkout in a process of its own."""

    def __init__(self, folder: Path) -> None:
        places = [folder / "python", *folder.glob("plugins/*/src")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
        command = [sys.executable, __file__, "--worker"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def milliseconds(self, kind: str, width: int, training: bool, threads: int) -> float:
        """The shortest of the calls within the time of a turn."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{kind},{width},{int(training)},{threads}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def worker() -> None:
    """Measures what it reads from standard input, with the package that its path has."""
    import numpy as np

    import ostinato as ost

    networks: dict[tuple[str, int], ost.Network] = {}
    for line in sys.stdin:
        kind, width, training, threads = line.strip().split(",")
        size = int(width)
        net = networks.setdefault((kind, size), ost.Recurrent(KINDS[kind], size, size))
        ost.set_num_threads(int(threads))
        x = np.random.default_rng(0).normal(size=(ROWS, STEPS, size)).astype(np.float32)

        def call(net=net, x=x, training=training) -> None:
            if int(training):
                net.value_and_grad(x, x, loss="mse", input_gradient=False)
            else:
                net.run(x)

        call()
        taken, end = [], time.perf_counter() + SECONDS
        while not taken or time.perf_counter() < end:
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
        print(min(taken) * 1e3, flush=True)


def main() -> None:
    """Prints a row for each shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker()
    if options.other is None or not (options.other / "python" / "ostinato").is_dir():
        parser.error("OTHER is the folder of another checkout, in which `make build` ran")
    shapes = [
        (kind, width, training, threads)
        for kind in KINDS
        for width in (64, 128, 256)
        for training in (True, False)
        for threads in (1, 2)
    ]
    pairs: dict[tuple[str, int, bool, int], list[tuple[float, float]]] = {shape: [] for shape in shapes}
    order = random.Random(0)
    for number in range(options.rounds):
        here, there = Side(ROOT), Side(options.other.resolve())
        for shape in shapes:
            sides = [here, there]
            order.shuffle(sides)
            times = {id(side): side.milliseconds(*shape) for side in sides}
            pairs[shape].append((times[id(here)], times[id(there)]))
        here.close()
        there.close()
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
    print(f"{'':32}{'here ms':>9}{'other ms':>10}{'ratio':>8}  quartiles")
    for (kind, width, training, threads), rounds in pairs.items():
        low, middle, high = statistics.quantiles([other / own for own, other in rounds], n=4)
        own, other = (statistics.median(one) for one in zip(*rounds, strict=True))
        title = f"{kind} H={width} {'train' if training else 'infer'}, {threads} thread(s)"
        print(f"{title:32}{own:>9.2f}{other:>10.2f}{middle:>8.3f}  {low:.3f} to {high:.3f}")
    return None


if __name__ == "__main__":
    main()
