"""The ablation of one engine for all cells: an LSTM that is fused by hand, beside its equations.

Both sides are Rust and alternate in one process, rust/core/examples/fused_lstm, which says what they share.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from timing import Pair

from ostinato import _core

ROOT = Path(__file__).parents[1]
PROGRAM = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples" / "fused_lstm"
STEPS, ROWS = 100, 32
BUILD = ["cargo", "build", "--quiet", "--release", "-p", "ostinato-core", "--example", "fused_lstm"]


def build() -> bool:
    """Builds the program; whether this machine has the instructions that it needs."""
    subprocess.run(BUILD, cwd=ROOT, check=True)
    return _core.instruction_set() == "avx512"


def run(hidden: int, seconds: float) -> Pair:
    """The engine and the LSTM by hand, `STEPS` steps of `ROWS` rows, one thread.

    Raises CalledProcessError where the two sides disagree.
    """
    command = [PROGRAM, str(hidden), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    times = json.loads(done.stdout)
    return Pair.of(times["engine"], times["hand"])
