"""A description of the machine on which a result was measured."""

from __future__ import annotations

import contextlib
import math
import os
import platform
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import numpy as np

import ostinato as ost
from ostinato import _core

# The FMA peak of one core may move so far while a row is measured.
STEADY = 0.05
# The micro-architecture, by vendor, family and model: cloud machines have no more in their names.
NAMES = {
    ("AuthenticAMD", "25", "1"): "Zen 3",
    ("AuthenticAMD", "25", "17"): "Zen 4",
    ("AuthenticAMD", "26", "2"): "Zen 5",
    ("GenuineIntel", "6", "106"): "Ice Lake",
    ("GenuineIntel", "6", "143"): "Sapphire Rapids",
    ("GenuineIntel", "6", "207"): "Emerald Rapids",
}
# Each of two threads has at least so much of a core: else they are halves of one, or others use them.
APART = 0.85


def slug() -> str:
    """A name for the files of results: the micro-architecture and the instruction set in use."""
    name, _, architecture = _processor()
    words = re.findall("[a-z0-9]+", f"{architecture or name} {_core.instruction_set()}".lower())
    return "-".join(words)


def describe() -> dict[str, object]:
    """Processor, cores, caches, instruction set, versions and commit."""
    name, details, architecture = _processor()
    return {
        "processor": f"{name}{details}" + (f" ({architecture})" if architecture else ""),
        "caches": list(_core.cache_sizes()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instruction_set": _core.instruction_set(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ostinato": _core.__version__,
        "commit": _commit(),
    }


def fma_peak() -> float:
    """Multiply-adds of one core in GFLOP/s (float32), measured now."""
    return float(_core.fma_peak_gflops())


def apart(threads: int) -> float:
    """What each of so many threads gets of a core while all compute for some 20 ms: 1 is a core of its own.

    Exponentials keep a core's arithmetic busy, so that two threads of one core have half of it each.
    """

    def work(_: int) -> None:
        x, y = np.full(64 << 10, 0.5), np.empty(64 << 10)
        for _ in range(200):
            np.exp(x, out=y)

    def seconds(count: int) -> float:
        with ThreadPoolExecutor(count) as pool:
            start = time.perf_counter()
            list(pool.map(work, range(count)))
            return time.perf_counter() - start

    return min(seconds(1) for _ in range(2)) / seconds(threads) if threads > 1 else 1.0


def load() -> float | None:
    """The programs that ran or waited for a core in the last minutes, with this one; None if unknown."""
    return os.getloadavg()[1] if hasattr(os, "getloadavg") else None


def bandwidth(threads: int) -> float:
    """GB/s of memory, read and written, of `threads` threads: the better of a copy and of `a += b`.

    Nothing is written there that was not read before, or else the copy goes past the caches, so that what is
    counted is what is moved. The best of five: what the machine can do, not what it did on average.
    """
    size = (48 << 20) // threads  # elements of float64 per thread: no cache holds them
    arrays = [(np.ones(size), np.ones(size)) for _ in range(threads)]
    best = 0.0
    with ThreadPoolExecutor(threads) as pool:
        for moved, work in (
            (2, lambda one: np.copyto(one[0], one[1])),
            (3, lambda one: np.add(one[0], one[1], out=one[0])),
        ):
            for _ in range(5):
                start = time.perf_counter()
                list(pool.map(work, arrays))
                best = max(best, moved * 8 * size * threads / (time.perf_counter() - start) / 1e9)
    return best


def cache_bandwidth() -> float:
    """GB/s of one thread that adds two arrays into a third, all of which the second cache holds."""
    a, b, c = (np.ones(16 << 10) for _ in range(3))  # 128 KiB each
    best = math.inf
    for _ in range(50):
        start = time.perf_counter()
        for _ in range(20):
            np.add(a, b, out=c)
        best = min(best, time.perf_counter() - start)
    return 20 * 3 * a.nbytes / best / 1e9


def sharing_us() -> float:
    """Microseconds that a call takes longer where two threads share it: to wake one, and to wait for it.

    Of two units of rows with next to no work, by turns; below 0 where the clock moved more than that.
    """
    network, x = ost.LSTM(1, 1), np.ones((16, 1, 1), np.float32)
    best = {1: math.inf, 2: math.inf}
    for _ in range(20):
        for threads in best:
            ost.set_num_threads(threads)
            for _ in range(50):
                start = time.perf_counter()
                network.run(x)
                best[threads] = min(best[threads], time.perf_counter() - start)
    return 1e6 * (best[2] - best[1])


def measured() -> dict[str, float]:
    """Measurements of the machine other than the FMA peak, in under two seconds."""
    several = {f"memory_gb_per_second_{count}t": bandwidth(count) for count in (1, 2)}
    return several | {"cache_gb_per_second": cache_bandwidth(), "sharing_us": sharing_us()}


def rivals() -> dict[str, object]:
    """Versions of the rivals that are installed."""
    found = {}
    for name in ("torch", "jax", "onnxruntime"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _processor() -> tuple[str, str, str]:
    """Name, family and model, and micro-architecture of the processor; the last two may be empty."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = (line.partition(":") for line in info.read_text(encoding="utf-8").splitlines())
        facts = {name.strip(): value.strip() for name, _, value in lines}
        if "model name" in facts:
            family, model = facts.get("cpu family", ""), facts.get("model", "")
            details = f" family {family} model {model}" if family and model else ""
            return facts["model name"], details, NAMES.get((facts.get("vendor_id", ""), family, model), "")
    return platform.processor() or platform.machine(), "", ""


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
