"""What a result was measured on."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import numpy as np

from ostinato import _core


def describe() -> dict[str, object]:
    """Processor, cores, instruction set, versions and commit."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "instruction_set": _core.instruction_set(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ostinato": _core.__version__,
        "commit": _commit(),
    }


def fma_peak() -> float | None:
    """Multiply-adds of one core in GFLOP/s (float32), measured now; None where the core cannot measure it."""
    measure = getattr(_core, "fma_peak_gflops", None)
    return None if measure is None else float(measure())


@functools.cache
def fma_peak_known() -> float:
    """The peak as it was when it was first asked for. Exits where the core cannot measure it."""
    return fma_peak() or sys.exit("the FMA peak of this machine cannot be measured")


def bandwidth(threads: int) -> float:
    """GB/s of memory, read and written, of `threads` threads that add two arrays into a third.

    The best of five: what the machine can do, not what it did on average.
    """
    size = (48 << 20) // threads  # elements of float64 per thread: no cache holds them
    arrays = [tuple(np.ones(size) for _ in range(3)) for _ in range(threads)]
    best = math.inf
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            start = time.perf_counter()
            list(pool.map(lambda one: np.add(one[0], one[1], out=one[2]), arrays))
            best = min(best, time.perf_counter() - start)
    return 3 * 8 * size * threads / best / 1e9


def rivals() -> dict[str, object]:
    """Versions of the rivals that are installed."""
    found = {}
    for name in ("torch", "jax", "onnxruntime"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
