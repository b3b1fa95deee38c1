"""The products of an LSTM's training step, compared with `torch.mm`: `make bench BENCH_FLAGS=products`.

The shapes are those of `rust/core/examples/rates.rs`, which measures ours in its own process, one thread.
Both sides have their operands where a training step has them: A and C of a call lie after those of the call
before, so that the first cache has dropped them. PyTorch's weights are as its LSTM has them, not packed.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable

import torch
from timing import Seconds

import examples

SIZES = (64, 128, 256, 512, 1024)
ROWS = {"hoisted": (256,), "loop": (16, 32, 64), "back": (16, 32, 64), "input": (256,), "weights": (256,)}
"""For each product, the rows of a call: those of a row group in the loop, of a block of time else."""

BLOCK, BLOCKS, ENOUGH = 256, 6, 0.06
"""As in rates.rs: the rows of a block of time, the blocks of a sequence, and the seconds of a measurement."""


def flops(rows: int, hidden: int) -> int:
    """Of a call."""
    return 2 * rows * 4 * hidden * hidden


def ours(product: str, rows: int, hidden: int) -> Callable[[], Seconds]:
    """Seconds of a call: the best of a process."""
    # for products over a block, the first argument has no effect
    command = [str(examples.FOLDER / "rates"), str(rows), str(hidden), product]

    def measure() -> Seconds:
        return Seconds(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)

    return measure


def theirs(product: str, rows: int, hidden: int) -> Callable[[], Seconds]:
    """The same of `torch.mm` and `torch.addmm`."""
    gates, total = 4 * hidden, BLOCK * BLOCKS
    wide, narrow = torch.ones(total, gates), torch.ones(total, hidden)
    weights, bias = torch.ones(gates, hidden), torch.ones(gates)
    gradient = torch.zeros(gates, hidden)

    def call(first: int) -> None:
        after = first + rows
        if product == "hoisted":
            torch.addmm(bias, narrow[first:after], weights.T, out=wide[first:after])
        elif product == "loop":
            wide[first:after].addmm_(narrow[first:after], weights.T)
        elif product == "weights":
            gradient.addmm_(wide[first:after].T, narrow[first:after])
        else:
            torch.mm(wide[first:after], weights, out=narrow[first:after])

    def measure() -> Seconds:
        best, began = math.inf, time.perf_counter()
        with torch.inference_mode():
            while time.perf_counter() < began + ENOUGH:
                start = time.perf_counter()
                for first in range(0, total, rows):
                    call(first)
                best = min(best, time.perf_counter() - start)
        return Seconds(best / (total // rows))

    return measure
