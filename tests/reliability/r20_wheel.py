"""R20: one light wheel for every Python, which imports fast once pip has written its bytecode."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import ostinato
from tests.reliability.row import Row

LARGEST, SLOWEST = 5_000_000, 0.1  # bytes; seconds beyond NumPy
ROOT = Path(__file__).parents[2]
TIMED = """
from time import perf_counter
begun = perf_counter()
import numpy
started = perf_counter()
import ostinato
print(perf_counter() - started, started - begun)
"""


def import_seconds(wheel: Path, rounds: int) -> tuple[float, float]:
    """The median time of the import after that of NumPy, and that of NumPy, in the same processes.

    From the wheel as pip installs it: with bytecode.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--no-index", "--compile", "--target", folder]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, wheel], check=True)
        command = [sys.executable, "-c", TIMED]
        environment = {**os.environ, "PYTHONPATH": folder}
        said = [
            subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
            for _ in range(rounds)
        ]
    own, numpys = zip(*(map(float, one.split()) for one in said), strict=True)
    return statistics.median(own), statistics.median(numpys)


def packed() -> int:
    """Bytes of the package in a zip, which is what a wheel is."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            root = Path(ostinato.__file__).parent
            for path in root.rglob("*"):
                if path.suffix in {".py", ".pyi", ".so", ".pyd"}:
                    archive.write(path, path.relative_to(root))
        return file.tell()


def measure(long: bool) -> Row:
    """The wheel itself in the long form; what it would hold in the short one, which measures no time."""
    promise = "a wheel of at most 5 MB for CPython 3.10 and later, imported within 100 ms over NumPy"
    if not long:
        size = packed()
        return Row("R20", promise, f"the package in a zip: {size / 1e6:.1f} MB", size <= LARGEST)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "maturin", "build", "--release", "--quiet", "--out", folder]
        subprocess.run(command, cwd=ROOT, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        size, name = wheel.stat().st_size, wheel.name
        seconds, numpys = import_seconds(wheel, 21)
    tags = name.split("-", 2)[2].removesuffix(".whl")
    figure = f"{size / 1e6:.1f} MB, {tags}; import {seconds * 1e3:.0f} ms over NumPy, "
    figure += f"{seconds / numpys:.2f} of the {numpys * 1e3:.0f} ms of NumPy's own"
    return Row("R20", promise, figure, size <= LARGEST and "cp310-abi3" in name and seconds <= SLOWEST)
