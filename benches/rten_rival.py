"""rten's side, for the reader who writes Rust: its LSTM and GRU operators, inference, in their own process.

`make bench` builds the program of `rust_rival/`. It waits between calls without using the CPU, and takes its
own time, so that the round trip over a pipe does not count.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from onnx_rival import layer
from timing import Seconds

FOLDER = Path(__file__).parent / "rust_rival"
PROGRAM = FOLDER / "target" / "release" / "rust_rival"


def version() -> str:
    """The release that the lock file names."""
    lock = (FOLDER / "Cargo.lock").read_text(encoding="utf-8")
    return lock.partition('name = "rten"\nversion = "')[2].partition('"')[0]


class Rival:
    """One layer in rten, until `with` ends. `params` are named as in our state dict; x is (N, T, I)."""

    def __init__(self, kind: str, params: dict[str, np.ndarray], x: np.ndarray, threads: int) -> None:
        model, states = layer(kind, params, x.shape[2])
        hidden = params["weight_hh_l0"].shape[1]
        rows, steps, width = x.shape
        self._shape = (steps, rows, hidden)
        self._folder = tempfile.TemporaryDirectory()
        files = [Path(self._folder.name) / name for name in ("model.onnx", "x", "y")]
        files[0].write_bytes(model)
        np.ascontiguousarray(x.swapaxes(0, 1)).tofile(files[1])
        self._output = files[2]
        sizes = [steps, rows, width, *(hidden for _ in states)]
        self._process = subprocess.Popen(
            [PROGRAM, *files, *map(str, sizes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "RTEN_NUM_THREADS": str(threads)},
        )
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"rten's process ended with {self._process.wait()}")
        return answer

    def infer(self) -> Seconds:
        """One run of it."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Seconds(self._answer())

    def outputs(self) -> np.ndarray:
        """(N, T, H)."""
        return np.fromfile(self._output, np.float32).reshape(self._shape).swapaxes(0, 1)

    def __enter__(self) -> Rival:
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.communicate()
        self._folder.cleanup()
