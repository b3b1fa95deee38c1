"""Memory, measured: the peak of a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

import ostinato as ost

# Prints how far one call raises the peak above what the process had before, in bytes. Inputs and targets are
# narrow, so that the caller's own arrays are small compared with the memory of a call. VmHWM and not
# getrusage, whose peak a process inherits from the one that started it.
SCRIPT = """
import re, sys
from pathlib import Path
import numpy as np
import ostinato as ost

rows, steps, way = int(sys.argv[1]), int(sys.argv[2]), eval(sys.argv[3])
ost.set_num_threads(1)
net = eval(sys.argv[4])
x, y = np.ones((rows, steps, 2), "float32"), np.ones((rows, steps, 1), "float32")
net.value_and_grad(x[:, :600], y[:, :600], loss="mse", through_time=ost.CheckpointedBPTT("sqrt"))
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
net.value_and_grad(x, y, loss="mse", through_time=way)
print(peak() - before)
"""


ONE_WAY = "ost.Sequential(ost.LSTM(2, 64), ost.Dense(64, 1))"
BOTH_WAYS = "ost.Sequential(ost.LSTM(2, 32, 2, bidirectional=True), ost.Dense(64, 1))"


def raised(rows: int, steps: int, way: str, net: str = ONE_WAY) -> int:
    command = [sys.executable, "-c", SCRIPT, str(rows), str(steps), way, net]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read the peak from"),
]


@pytest.mark.slow
def test_memory_of_truncated_bptt_does_not_grow_with_T():
    short, long = (raised(4, steps, "ost.TruncatedBPTT(100, 200)") for steps in (5000, 20_000))
    # copies of x and its gradient, targets and weights: up to 12 numbers of 4 bytes per row and step
    arrays = 4 * 15_000 * 12 * 4
    # 1 MB for pages of the allocator; full BPTT keeps 120 MB more for 15,000 steps of 4 rows
    assert long - short < arrays + 1e6


@pytest.mark.slow
@pytest.mark.parametrize(
    "net, share, above", [(ONE_WAY, 4, 1.05), (ONE_WAY, 10, 1.05), (ONE_WAY, 50, 1.05), (BOTH_WAYS, 50, 1.25)]
)
def test_memory_of_checkpointed_bptt_is_what_its_plan_says(net, share, above, threads):
    threads(1)
    rows, steps = 4, 10_000
    plan = ost.CheckpointedBPTT(f"{share}%").plan(eval(net), rows, steps, "mse")
    assert plan.memory <= plan.full_memory * share / 100
    grown = raised(rows, steps, f"ost.CheckpointedBPTT('{share}%')", net)
    # what the budget leaves out: copies of x and its gradient, targets and weights, 12 numbers a row and step
    # layer by layer, memory of one layer may lie idle while the next begins
    assert 0.95 * plan.memory < grown < above * plan.memory + rows * steps * 12 * 4


@pytest.mark.slow
def test_the_plan_knows_what_full_bptt_takes(threads):
    threads(1)
    full = ost.CheckpointedBPTT("10GB").plan(eval(ONE_WAY), 4, 10_000, "mse").full_memory
    grown = raised(4, 10_000, "ost.FullBPTT()")
    assert 0.95 * full < grown < 1.05 * full + 4 * 10_000 * 12 * 4
