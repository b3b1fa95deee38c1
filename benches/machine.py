"""What a result was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
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
