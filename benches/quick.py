"""LSTM, GRU and light GRU beside PyTorch's: `make bench-quick`, under three minutes. README.md says how."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

# Two pools that spin on the same cores would measure each other; the variables are read on import.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("KMP_BLOCKTIME", "0")

import machine
import numpy as np
import torch
from rivals import Rival
from timing import alternate

import ostinato as ost

T, N = 100, 32
SIZES = (64, 128, 256)
GATES = {"lstm": 4, "gru": 3, "ligru": 2}
SECONDS = 2.5

# float32 over 100 steps: relative to the largest number of each tensor.
TOLERANCE = 1e-4

RESULT = Path(__file__).parent / "results" / "quick.json"


def main() -> None:
    """Checks, measures, prints, writes."""
    threads = [count for count in (1, 2) if count <= (os.cpu_count() or 1)]
    before = machine.fma_peak()
    rows = []
    print(f"{'':22}{'':>9}{'ours ms':>9}{'torch ms':>10}{'ratio':>8}  {'95 %':13}{'of FMA peak':>12}")
    for kind in GATES:
        for hidden in SIZES:
            network, rival, x, target = _prepare(kind, hidden)
            for training in (True, False):
                for count in threads:
                    rows.append(_measure(kind, hidden, training, count, network, rival, x, target, before))
    after = machine.fma_peak()
    peak = {"before": before, "after": after}
    if before and after:
        drift = after / before - 1
        print(f"FMA peak of one core: {before:.0f} GFLOP/s before, {after:.0f} after ({drift:+.1%})")
    else:
        print("FMA peak: not measured")
    _mark_doubtful(rows)
    _geometric_means(rows)
    RESULT.parent.mkdir(exist_ok=True)
    content = {
        "machine": machine.describe() | {"torch": torch.__version__},
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "shape": {"T": T, "N": N},
        "fma_peak_gflops_one_core": peak,
        "rows": rows,
    }
    RESULT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {RESULT.relative_to(Path.cwd()) if RESULT.is_relative_to(Path.cwd()) else RESULT}")


def _prepare(kind: str, hidden: int) -> tuple[ost.Network, Rival, np.ndarray, np.ndarray]:
    """Both sides with the same numbers. Exits when either disagrees with PyTorch in float64."""
    rng = np.random.default_rng(hidden)
    x = rng.standard_normal((N, T, hidden)).astype(np.float32)
    target = rng.standard_normal((N, T, hidden)).astype(np.float32)
    network = ost.Recurrent(kind, hidden, hidden)
    for view in network.parameters().values():
        view[...] = rng.uniform(-1, 1, view.shape) / np.sqrt(hidden)
    params = network.state_dict()
    rival = Rival(kind, params, x, target, torch.float32)
    exact = Rival(kind, params, x, target, torch.float64).results()
    _, gradients = network.value_and_grad(x, target, loss="mse")
    ours = {"outputs": network.run(x).outputs} | dict(gradients.params)
    for side, results in (("ostinato", ours), ("torch", rival.results())):
        for name, reference in exact.items():
            worst = np.abs(results[name] - reference).max() / np.abs(reference).max()
            if not worst <= TOLERANCE:
                sys.exit(f"{side} {kind} H={hidden}: {name} is off by {worst:.2g}; nothing is timed")
    return network, rival, x, target


def _measure(
    kind: str, hidden: int, training: bool, threads: int,
    network: ost.Network, rival: Rival, x: np.ndarray, target: np.ndarray, peak: float | None,
) -> dict[str, object]:  # fmt: skip
    ost.set_num_threads(threads)
    torch.set_num_threads(threads)

    def ours() -> object:
        return network.value_and_grad(x, target, loss="mse") if training else network.run(x)

    pair = alternate(ours, rival.work(training), SECONDS)
    flops = 2 * T * N * GATES[kind] * hidden * (hidden + hidden) * (3 if training else 1)
    rate = flops / pair.ours / 1e9
    share = None if peak is None else rate / (peak * threads)
    work = "train" if training else "infer"
    print(
        f"{kind:6} H={hidden:<4} {work:6}{threads}t{'':>9}{1e3 * pair.ours:9.2f}{1e3 * pair.theirs:10.2f}"
        f"{pair.ratio:8.2f}  {pair.low:5.2f}..{pair.high:<6.2f}"
        + (f"{share:12.0%}" if share is not None else f"{'not measured':>12}"),
        flush=True,
    )
    return {
        "cell": kind, "H": hidden, "work": work, "threads": threads, "ours_ms": 1e3 * pair.ours,
        "torch_ms": 1e3 * pair.theirs, "ratio": pair.ratio, "ratio_interval": [pair.low, pair.high],
        "pairs": pair.pairs, "gflops": rate, "share_of_fma_peak": share,
    }  # fmt: skip


def _mark_doubtful(rows: list[dict[str, object]]) -> None:
    """Marks rows in which a side is slower than the same side with one thread: its pool was disturbed.

    A rival that loses by its second thread was not at its best setting, whatever the reason; nor are we.
    Such a ratio tells of the machine's other work or of the waiting policy, and nothing about the kernels.
    """
    single = {(row["cell"], row["H"], row["work"]): row for row in rows if row["threads"] == 1}
    for row in rows:
        alone = single[row["cell"], row["H"], row["work"]]
        row["doubtful"] = any(float(str(row[ms])) > float(str(alone[ms])) for ms in ("ours_ms", "torch_ms"))


def _geometric_means(rows: list[dict[str, object]]) -> None:
    """One mean per cell, work and number of threads; doubtful rows are counted out, and said to be."""
    for kind, work, threads in sorted({(str(r["cell"]), str(r["work"]), str(r["threads"])) for r in rows}):
        group = [r for r in rows if (r["cell"], r["work"], str(r["threads"])) == (kind, work, threads)]
        ratios = [float(str(r["ratio"])) for r in group if not r["doubtful"]]
        left = (
            f" ({len(group) - len(ratios)} of {len(group)} doubtful, left out)"
            if len(ratios) < len(group)
            else ""
        )
        mean = f"{np.exp(np.mean(np.log(ratios))):.2f} x torch" if ratios else "no valid ratio"
        print(f"{kind:6} {work:6}{threads}t  {mean}{left}")


if __name__ == "__main__":
    main()
