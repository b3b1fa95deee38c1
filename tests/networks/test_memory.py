"""Too little memory is a MemoryError; nothing aborts, and the process continues."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import ostinato as ost

SCRIPT = """
import resource
import numpy as np
import ostinato as ost

ost.set_num_threads(1)
net = ost.LSTM(1, 1024)
x = np.zeros((8, 40000, 1), np.float32)
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
try:
    net.run(x, training=True)
except MemoryError as error:
    print(error)
print(net.run(x[:, :5]).outputs.shape)
"""


def test_a_run_that_does_not_fit_is_a_memory_error_and_the_next_one_works() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    message, shape = done.stdout.splitlines()
    assert "out of memory" in message and "GB requested" in message
    assert shape == "(8, 5, 1024)"


AFTER_A_LARGER_ONE = """
import resource
import numpy as np
import ostinato as ost

ost.set_num_threads(1)
net = ost.RNN(1, 256)
x = np.zeros((1, 40 << 10, 1), np.float32)
net.run(x)  # the output has 40 MiB, and is freed
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (16 << 20),) * 2)
for steps in (30 << 10, 20 << 10, 40 << 10):
    print(net.run(x[:, :steps]).outputs.shape)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_of_another_size_is_there_for_a_request() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AFTER_A_LARGER_ONE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"(1, {steps}, 256)" for steps in (30 << 10, 20 << 10, 40 << 10)]


def test_rows_without_steps_that_no_memory_holds_are_a_memory_error() -> None:
    """The array has no bytes, but each of its rows has a state."""
    x = np.zeros((2**40, 0, 1), np.float32)
    net = ost.RNN(1, 1)
    with pytest.raises(MemoryError):
        net.run(x)
    with pytest.raises(MemoryError):
        net.value_and_grad(x, x, loss="mse")
    assert net.run(x[:3]).outputs.shape == (3, 0, 1)
