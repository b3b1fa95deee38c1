"""Updates per second of some ranks of one thread each, compared with one rank of one thread.

`ranks.py [--ranks 1 2] [--priority 50]` needs mpi4py and mpiexec (plugins/ostinato-mpi). Each number of ranks
trains an LSTM with the strategy "mpi", in turns; the median of the turns counts. With a priority, the ranks
are real-time processes while they are measured, as with `chrt -f 50`. Not from their start: MPI starts with a
busy loop, which would keep mpiexec from its work.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from ostinato_mpi import mpi

import ostinato as ost

STEPS, FEATURES = 100, 128


class Clock(ost.Callback):
    """Measures the updates of a run, from the fourth on."""

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.times: list[float] = []

    @ost.hookimpl
    def ostinato_run_end(self, run: ost.TrainingRun) -> None:
        """An ordinary process again."""
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))

    @ost.hookimpl
    def ostinato_batch_end(self, run: ost.TrainingRun, step: int) -> None:
        """Note the time."""
        if step == 2 and self.priority:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(self.priority))
        self.times.append(time.perf_counter())


def train(args: argparse.Namespace) -> None:
    """One rank: prints milliseconds of an update."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(args.rows, STEPS, FEATURES)).astype("float32")
    y = rng.normal(size=(args.rows, STEPS, args.hidden)).astype("float32")
    net = ost.LSTM(FEATURES, args.hidden)
    strategy: Any = "local" if args.local else mpi(threads=1)
    if args.local:
        ost.set_num_threads(1)
    clock = Clock(args.priority)
    trainer = ost.Trainer(net, loss="mse", strategies=[strategy], callbacks=[clock])
    trainer.fit(x, y, epochs=args.updates, batch_size=args.rows, progress=False)
    if trainer.run.chief:
        print("ms", 1e3 * statistics.median(np.diff(clock.times[3:])))


def measured(args: argparse.Namespace, ranks: int) -> float:
    """Milliseconds of an update with so many ranks; 0 for the trainer without ranks."""
    mpiexec = shutil.which(
        "mpiexec", path=f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
    )
    if mpiexec is None:
        raise SystemExit("mpiexec is missing: pip install mpich")
    more = ["--rows", str(args.rows), "--hidden", str(args.hidden), "--updates", str(args.updates)]
    more += ["--priority", str(args.priority)]
    here = [sys.executable, "-m", "mpi4py", __file__, "--rank", *more, *(["--local"] if not ranks else [])]
    done = subprocess.run(
        [mpiexec, "-n", str(max(ranks, 1)), *here], capture_output=True, text=True, check=True, timeout=120
    )
    return float(done.stdout.split("ms ")[1].split()[0])


def main(given: Sequence[str] | None = None) -> None:
    """Measure, and print a line for each number of ranks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--updates", type=int, default=40)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--priority", type=int, default=0)
    parser.add_argument("--rank", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--local", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(given)
    if args.rank:
        train(args)
        return
    found: dict[int, list[float]] = {ranks: [] for ranks in (0, *args.ranks)}
    for _ in range(args.turns):
        for ranks, times in found.items():
            times.append(measured(args, ranks))
    alone = statistics.median(found[args.ranks[0]])
    print(f"LSTM T={STEPS} N={args.rows} H={args.hidden}, one thread for each rank")
    for ranks, times in found.items():
        label = f"{ranks} rank{'s' * (ranks > 1)}" if ranks else "no strategy"
        median = statistics.median(times)
        print(f"{label:12} {median:7.2f} ms  ({min(times):.2f} to {max(times):.2f})  {alone / median:.2f}x")


if __name__ == "__main__":
    main()
