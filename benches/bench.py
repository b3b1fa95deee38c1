"""The record of a run: pairs are measured, printed, kept, and written with what they were measured on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

# Two pools that spin on the same cores would measure each other, and XLA is compared with one thread; the
# variables are read when torch and jax are imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("KMP_BLOCKTIME", "0")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import machine
import torch
from cases import Case
from timing import alternate
from torch_rival import Rival as Torch

import ostinato as ost

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]


class Bench:
    """Measures pairs, prints them, keeps the rows."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.rows = seconds, list[Row]()
        self.threads = [count for count in (1, 2) if count <= (os.cpu_count() or 1)]

    def pair(
        self, part: str, what: str, rival: str, threads: int,
        ours: Callable[[], object], theirs: Callable[[], object], **facts: Any,
    ) -> Row:  # fmt: skip
        """One row: ours and theirs, alternately."""
        ost.set_num_threads(threads)
        torch.set_num_threads(threads)
        pair = alternate(ours, theirs, self.seconds)
        row = {
            "part": part, "what": what, "rival": rival, "threads": threads, **facts,
            "ours_ms": 1e3 * pair.ours, "theirs_ms": 1e3 * pair.theirs,
            "ratio": pair.ratio, "interval": [pair.low, pair.high], "pairs": pair.pairs,
        }  # fmt: skip
        self.keep(row)
        return row

    def keep(self, row: Row) -> None:
        """Keeps and prints a row."""
        flops = row.get("flops")
        if flops:
            rate = flops / (row["ours_ms"] / 1e3) / 1e9
            row |= {"gflops": rate, "share_of_fma_peak": rate / (machine.fma_peak_known() * row["threads"])}
        self.rows.append(row)
        share = f"{row['share_of_fma_peak']:6.0%}" if flops else ""
        print(
            f"{row['part']:10}{row['what']:42}{row['rival']:14}{row['threads']}t"
            f"{row['ours_ms']:10.3f}{row['theirs_ms']:10.3f}{row['ratio']:8.2f}{share}",
            flush=True,
        )

    def write(self, name: str, parts: Collection[str]) -> None:
        """Writes results/NAME.json: the rows of this run, and those that were there of other parts."""
        before, after = machine.fma_peak_known(), machine.fma_peak() or 0.0
        drift = after / before - 1
        print(f"FMA peak of one core: {before:.0f} GFLOP/s before, {after:.0f} after ({drift:+.1%})")
        _mark_doubtful(self.rows)
        path = RESULTS / f"{name}.json"
        old = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
        content = {
            "machine": machine.describe() | machine.rivals(),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "fma_peak_gflops_one_core": {"before": before, "after": after},
            "rows": [row for row in old if row["part"] not in parts] + self.rows,
        }
        RESULTS.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _mark_doubtful(rows: list[Row]) -> None:
    """Marks rows in which a side is slower than the same side with one thread: its pool was disturbed.

    A rival that loses by its second thread was not at its best setting, whatever the reason; nor are we.
    Such a ratio tells of the machine's other work or of the waiting policy, and nothing about the kernels.
    """
    timed = [row for row in rows if "threads" in row]
    single = {(row["what"], row["rival"]): row for row in timed if row["threads"] == 1}
    for row in timed:
        alone = single.get((row["what"], row["rival"]), row)
        row["doubtful"] = any(row[ms] > alone[ms] for ms in ("ours_ms", "theirs_ms"))


def compared(case: Case, **options: Any) -> Torch:
    """PyTorch's layer, after it and ours have agreed with PyTorch's in float64."""
    options = {"program": case.program, "states": case.states, **options}
    given = (case.kind, case.params, case.x, case.target)
    rival = Torch(*given, torch.float32, **options)
    exact = Torch(*given, torch.float64, **{**options, "compiled": False}).results()
    case.check("ostinato", case.ours, exact)
    case.check("torch", rival.results(), exact)
    return rival


def facts(case: Case, training: bool) -> Row:
    """What a row says of its case."""
    steps, rows, hidden = case.shape
    return {
        "cell": case.kind, "T": steps, "N": rows, "H": hidden, "work": "train" if training else "infer",
        "flops": case.flops(training),
    }  # fmt: skip


def title(case: Case, training: bool) -> str:
    """A line about a case."""
    steps, rows, hidden = case.shape
    return f"{case.kind} T={steps} N={rows} H={hidden} {'train' if training else 'infer'}"


def work(case: Case, training: bool) -> Callable[[], object]:
    """What is timed of ours."""
    if training:
        return lambda: case.network.value_and_grad(case.x, case.target, loss="mse")
    return lambda: case.network.run(case.x)
