"""Too little memory is a MemoryError that names the requested size; the process continues."""

import subprocess
import sys

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


def test_a_run_that_does_not_fit_is_a_memory_error_and_the_next_one_works():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told, shape = done.stdout.splitlines()
    assert "out of memory" in told and "GB requested" in told
    assert shape == "(8, 5, 1024)"
