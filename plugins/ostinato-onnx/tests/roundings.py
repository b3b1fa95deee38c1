"""How far float32 results are apart in a layer that amplifies roundings: the figures of docs/onnx.md."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import ostinato_onnx
from ostinato_onnx.checking import _expected, difference, random_calls
from ostinato_onnx.running import run_here

import ostinato as ost


def layer(dtype: str) -> Any:
    """The layer with its initial parameters, those of float32 in both dtypes."""
    made = ost.Recurrent("layer_norm_lstm", 6, 6, seed=0, dtype=dtype)
    made.arena[...] = ost.Recurrent("layer_norm_lstm", 6, 6, seed=0).arena
    return made


def wide(call: Any) -> Any:
    """The floats of a call as float64."""
    return {name: one.astype("float64") if one.dtype.kind == "f" else one for name, one in call.items()}


def main() -> None:
    """Print the largest differences over the calls of `check`."""
    with tempfile.TemporaryDirectory() as folder:
        single, double = str(Path(folder, "single.onnx")), str(Path(folder, "double.onnx"))
        ostinato_onnx.export(layer("float32"), single, states=True)
        ostinato_onnx.export(layer("float64"), double, states=True)
        calls = list(random_calls(layer("float32"), onnx.load(single)))
        found, exact = run_here([single, double], [calls, [wide(call) for call in calls]])
    rng = np.random.default_rng(0)
    worst: dict[str, float] = {}

    def note(row: str, one: Any, other: Any) -> None:
        gap = max(difference(one[name], other[name]) for name in one)
        worst[row] = max(worst.get(row, 0.0), gap)

    for call, runtime, runtime_64 in zip(calls, found, exact, strict=True):
        ours = _expected(layer("float32"), call)
        precise = _expected(layer("float64"), wide(call))

        note("ONNX Runtime and ostinato, float32", runtime, ours)
        note("ostinato, float32 and float64", ours, precise)
        note("ONNX Runtime, float32, and ostinato, float64", runtime, precise)
        for _ in range(10):
            # as far as a rounding to float32 can move a number
            rounded = {
                name: one * (1 + rng.choice([-1.0, 1.0], one.shape) * 2.0**-24)
                if one.dtype.kind == "f"
                else one
                for name, one in wide(call).items()
            }
            note("float64, inputs rounded to float32", _expected(layer("float64"), rounded), precise)
        note("ONNX Runtime and ostinato, float64", runtime_64, precise)
    for row, gap in worst.items():
        print(f"{row:48} {gap:.1e}")


if __name__ == "__main__":
    main()
