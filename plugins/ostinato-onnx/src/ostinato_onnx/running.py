"""Runs ONNX files with ONNX Runtime in a process of its own: a crash of a kernel ends that process alone.

The process is `python -m ostinato_onnx.running JOB.npz RESULTS.npz`. The key of an array is the number of the
file, the number of the call and a name, joined by colons; `files` has the paths.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Calls = Sequence[Mapping[str, Array]]
SECONDS: Final = 600


class RuntimeFailedError(RuntimeError):
    """ONNX Runtime does not run a file."""


def run_here(files: Sequence[str], calls: Sequence[Calls]) -> list[list[dict[str, Array]]]:
    """For each file the outputs of its calls, by name, in this process."""
    return [_run(file, of_file) for file, of_file in zip(files, calls, strict=True)]


def _run(file: str, calls: Calls) -> list[dict[str, Array]]:
    import onnxruntime

    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return [dict(zip(names, session.run(names, dict(call)), strict=True)) for call in calls]


def run_apart(files: Sequence[str], calls: Sequence[Calls]) -> list[list[dict[str, Array]]]:
    """For each file the outputs of its calls, from a process of its own. Raises RuntimeFailedError."""
    job: dict[str, Array] = {"files": np.array([os.path.abspath(file) for file in files])}
    for number, of_file in enumerate(calls):
        for place, call in enumerate(of_file):
            job |= {f"{number}:{place}:{name}": array for name, array in call.items()}
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "job.npz"), Path(folder, "results.npz")
        np.savez(given, **job)  # type: ignore[arg-type, unused-ignore]
        command = [sys.executable, "-m", __name__, str(given), str(made)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise RuntimeFailedError(f"ONNX Runtime did not end within {SECONDS} s") from None
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            raise RuntimeFailedError(last[0])
        results: list[list[dict[str, Array]]] = [[{} for _ in of_file] for of_file in calls]
        with np.load(made) as arrays:
            for key in arrays.files:
                number, place, name = key.split(":", 2)
                results[int(number)][int(place)][name] = arrays[key]
        return results


def main(job: str, results: str) -> None:
    """Run a job."""
    found: dict[str, Array] = {}
    with np.load(job) as arrays:
        calls: dict[int, dict[int, dict[str, Array]]] = {}
        for key in arrays.files:
            if key != "files":
                number, place, name = key.split(":", 2)
                calls.setdefault(int(number), {}).setdefault(int(place), {})[name] = arrays[key]
        for number, file in enumerate(map(str, arrays["files"])):
            of_file = [call for _, call in sorted(calls[number].items())]
            for place, outputs in enumerate(_run(file, of_file)):
                found |= {f"{number}:{place}:{name}": array for name, array in outputs.items()}
    np.savez(results, **found)  # type: ignore[arg-type, unused-ignore]


if __name__ == "__main__":
    main(*sys.argv[1:])
