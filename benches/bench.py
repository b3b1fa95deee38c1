"""The record of a run: pairs are measured, printed, and written with a description of the machine."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Two pools that spin on the same cores would measure each other. PyTorch's (libgomp) spins for milliseconds
# after a call, and if it sleeps immediately ("passive"), its second thread costs more than it gains: so it
# spins for about a tenth of a millisecond. XLA is compared with one thread. The variables are read when torch
# and jax are imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("KMP_BLOCKTIME", "0")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # huge pages for PyTorch, as Ostinato and NumPy have
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

# An instruction set that OSTINATO_ISA forces holds for PyTorch and the libraries in it too.
if os.environ.get("OSTINATO_ISA", "").strip().lower() == "avx2":
    os.environ |= {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}
    os.environ["MKL_ENABLE_INSTRUCTIONS"] = "AVX2"

import machine
import torch
from cases import Case
from timing import Pair, alternate
from torch_rival import Rival as Torch

import ostinato as ost

RESULTS = Path(__file__).parent / "results"
Row = dict[str, Any]

# How often a row is measured again if the clock moved.
AGAIN = 2


class Bench:
    """Measures pairs, prints them, keeps the rows."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.rows = seconds, list[Row]()
        self.threads = [count for count in (1, 2) if count <= (os.cpu_count() or 1)]

    def pair(
        self, part: str, what: str, rival: str, threads: int,
        ours: Callable[[], object], theirs: Callable[[], object], **facts: Any,
    ) -> Row:  # fmt: skip
        """One row: ours and theirs, alternately; again where the clock moved meanwhile."""
        ost.set_num_threads(threads)
        torch.set_num_threads(threads)
        return self.measured(
            part, what, rival, threads, lambda: alternate(ours, theirs, self.seconds), **facts
        )

    def measured(
        self, part: str, what: str, rival: str, threads: int, measure: Callable[[], Pair], **facts: Any
    ) -> Row:
        """One row of what `measure` finds, with the FMA peak of one core just before and just after.

        Between them the clock may have moved: beyond `machine.STEADY` the row is measured again, `AGAIN`
        times at most, and what is still unsteady then says so. So does a row whose threads had no core each.
        """
        for _ in range(1 + AGAIN):
            apart, before = machine.apart(threads), machine.fma_peak()
            pair = measure()
            after, apart = machine.fma_peak(), min(apart, machine.apart(threads))
            drift = after / before - 1
            unsteady = abs(drift) > machine.STEADY or apart < machine.APART
            if not unsteady:
                break
        row = {
            "part": part, "what": what, "rival": rival, "threads": threads, **facts,
            "ours_ms": 1e3 * pair.ours, "theirs_ms": 1e3 * pair.theirs,
            "ratio": pair.ratio, "interval": [pair.low, pair.high], "pairs": pair.pairs,
            "fma_peak_gflops": (before + after) / 2, "drift": drift, "apart": apart, "unsteady": unsteady,
        }  # fmt: skip
        self.keep(row)
        return row

    def keep(self, row: Row) -> None:
        """Keeps and prints a row."""
        flops = row.get("flops")
        if flops:
            rate = flops / (row["ours_ms"] / 1e3) / 1e9
            row |= {"gflops": rate, "share_of_fma_peak": rate / (row["fma_peak_gflops"] * row["threads"])}
        self.rows.append(row)
        share = f"{row['share_of_fma_peak']:6.0%}" if flops else " " * 6
        print(
            f"{row['part']:10} {row['what']:42}{row['rival']:14}{row['threads']}t"
            f"{row['ours_ms']:10.3f}{row['theirs_ms']:10.3f}{row['ratio']:8.2f}{share}"
            f"{'  unsteady' if row['unsteady'] else ''}",
            flush=True,
        )

    def write(self, name: str, part: str) -> None:
        """Writes the rows of a part to results/NAME.json, and keeps the rows of other parts."""
        rows = [row for row in self.rows if row["part"] == part]
        peaks = [row["fma_peak_gflops"] for row in rows if "fma_peak_gflops" in row]
        _mark_doubtful(rows)
        path = RESULTS / f"{name}.json"
        old = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        described = machine.describe() | machine.rivals()
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        of_part = {
            "commit": described["commit"], "time": now,
            "fma_peak_gflops_one_core": _span(peaks), "load": machine.load(), **machine.measured(),
        }  # fmt: skip
        kept = [row for row in old.get("rows", []) if row["part"] != part] + rows
        every = [row["fma_peak_gflops"] for row in kept if "fma_peak_gflops" in row]
        content = {
            # rivals that are not installed now have measured the rows that are kept
            "machine": {**old.get("machine", {}), **described},
            "time": now,
            "fma_peak_gflops_one_core": _span(every),
            "parts": {**old.get("parts", {}), part: of_part},
            "rows": kept,
        }
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _span(peaks: list[float]) -> dict[str, float]:
    """What was seen of the FMA peak."""
    if not peaks:
        return {}
    return {"least": min(peaks), "median": statistics.median(peaks), "most": max(peaks)}


def _mark_doubtful(rows: list[Row]) -> None:
    """Marks rows in which a side is slower than the same side with one thread: its pool was disturbed.

    A rival that loses by its second thread was not at its best setting, whatever the reason; nor are we.
    Such a ratio measures other work of the machine or the waiting policy, not the kernels.
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
        "cell": case.kind, "layers": case.layers, "T": steps, "N": rows, "H": hidden,
        "work": "train" if training else "infer", "flops": case.flops(training),
    }  # fmt: skip


def title(case: Case, training: bool) -> str:
    """A line about a case."""
    steps, rows, hidden = case.shape
    kind = case.kind if case.layers == 1 else f"{case.layers} x {case.kind}"
    return f"{kind} T={steps} N={rows} H={hidden} {'train' if training else 'infer'}"


def work(case: Case, training: bool) -> Callable[[], object]:
    """What is timed of ours."""
    if training:
        # PyTorch and JAX compute the gradient of the input only on request.
        return lambda: case.network.value_and_grad(case.x, case.target, loss="mse", input_gradient=False)
    return lambda: case.network.run(case.x)
