"""Prints the table of the plugins: lines, checks at level "standard", a training, time relative to an LSTM.

`make authors`. Figures of time belong to the machine and its load; they are the best of several in turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost
from ostinato import testing
from ostinato.plugins.index import discover
from ostinato.plugins.registry import registry
from tests.authors.rows import ROWS, Row, install
from tests.authors.toys import OPTIONS, TOYS

SIZES, TURNS = (64, 128), 25


def checks(row: Row, level: Any) -> str:
    """Passed of required checks, with those that failed."""
    report = testing.check(row.name, level, kind=row.kind)
    counts = report.counts
    summary = f"{counts['passed']}/{report.required}"
    summary += f", {counts['expected']} expected" if counts["expected"] else ""
    failed = sorted({one.id for one in report.failures})
    return summary + (f", failed: {', '.join(failed)}" if failed else "")


def training_step(
    hidden: int, cell: str, inputs: int, options: Any, regularizers: Any
) -> Callable[[], float]:
    """A function that returns the time of one forward and backward pass: N=32, T=100."""
    net = ost.Recurrent(cell, inputs, hidden, regularizers=regularizers, **options)
    rng = np.random.default_rng(0)
    x: Any = rng.normal(size=(32, 100, inputs)).astype("float32")
    y = rng.normal(size=(32, 100, net.output_size)).astype("float32")
    if net.memories:
        sources = {name: rng.normal(size=(32, 20, width)) for name, width in net.memories.items()}
        x = {"x": x, **{name: value.astype("float32") for name, value in sources.items()}}

    def run() -> float:
        begun = time.perf_counter()
        net.value_and_grad(x, y, loss="mse")
        return time.perf_counter() - begun

    return run


def relative_time(row: Row) -> str:
    """The time of a training step over that of the LSTM of the same width, at each size."""
    if row.kind not in ("cell", "regularizer"):
        return ""
    summary = []
    for hidden in SIZES:
        cell, rewrites = ("lstm", [row.name]) if row.kind == "regularizer" else (row.name, [])
        options = OPTIONS.get(row.name.partition("/")[2], {})
        runs = [
            training_step(hidden, cell, hidden, options, rewrites),
            training_step(hidden, "lstm", hidden, {}, []),
        ]
        best = np.min([[run() for run in runs] for _ in range(TURNS)], axis=0)
        summary.append(f"{best[0] / best[1]:.2f}")
    return " / ".join(summary) + "x"


def main() -> None:
    """Builds, installs, checks, trains and measures; prints Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", default="standard", choices=["quick", "standard", "thorough"])
    parser.add_argument("--only", default="", help="rows with this text in their name")
    parser.add_argument("--parts", default="checks,training,times", help="what to do; default: %(default)s")
    options = parser.parse_args()
    parts = options.parts.split(",")
    ost.set_num_threads(1)
    print("| what | kind | lines | checks | training | time / LSTM, H=64 / 128 | notes |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, install(Path(folder)))
        with registry.isolated(discover):
            for row in ROWS:
                if options.only in row.name:
                    summary = [
                        row.what,
                        row.kind,
                        str(row.lines),
                        checks(row, options.level) if "checks" in parts else "",
                        TOYS[row.kind](row) if "training" in parts else "",
                        relative_time(row) if "times" in parts else "",
                        row.note,
                    ]
                    print(f"| {' | '.join(summary)} |", flush=True)


if __name__ == "__main__":
    main()
