"""The team between calls and on a busy machine: CPU time of the process, never the clock."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to read ticks from"),
]

COMMON = """
import os, time
from pathlib import Path
import numpy as np
import ostinato as ost

def ticks():
    fields = Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])  # user and system time of all threads

net = ost.LSTM(32, 64)
x = np.random.default_rng(0).normal(size=(128, 20, 32)).astype("float32")
y = np.zeros((128, 20, 64), "float32")

def train(threads, calls):
    ost.set_num_threads(threads)
    return [net.value_and_grad(x, y, loss="mse")[0] for _ in range(calls)]
"""

IDLE = """
train(4, 5)
stream = net.stream()
stream.step(x[:1, 0])
before = ticks()
time.sleep(1.0)
print((ticks() - before) / os.sysconf("SC_CLK_TCK"))
"""

CROWDED = """
import subprocess, sys
busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
try:
    used, losses = {}, set()
    train(8, 2)
    for threads in range(1, 9):
        before = ticks()
        losses.update(train(threads, 10))
        used[threads] = (ticks() - before) / os.sysconf("SC_CLK_TCK")
finally:
    for one in busy:
        one.kill()
print(max(used.values()) / max(used[1], 0.05), len(losses))
"""


def said(script):
    done = subprocess.run([sys.executable, "-c", COMMON + script], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


@pytest.mark.slow
def test_a_team_that_waits_uses_no_cpu():
    # seconds of CPU time in a second; a tick is 0.01, and the interpreter may take one or two itself
    (used,) = said(IDLE)
    assert used <= 0.05


@pytest.mark.slow
def test_more_threads_than_the_machine_has_left_cost_no_cpu_time_to_speak_of():
    # 1.0 would be no cost; threads that spin for each other among four busy processes need 10 and more
    worst, losses = said(CROWDED)
    assert worst < 3.0
    assert losses == 1
