"""The measure of leaks sees what is never freed, in Python and below it, and nothing else."""

import os
import subprocess
import sys

import pytest

CODE = """
import ctypes
from tests.reliability.r14_leaks import slope
malloc = ctypes.CDLL(None).malloc
malloc.restype = ctypes.c_void_p
kept = []
print(slope(lambda: {cycle}, 2000))
"""


@pytest.mark.parametrize(
    ("cycle", "least", "most"),
    [("kept.append(bytearray(100))", 100, 400), ("malloc(200)", 200, 250), ("bytearray(100_000)", -20, 20)],
)
def test_a_slope_is_what_each_cycle_leaves(cycle, least, most):
    environment = {**os.environ, "PYTHONMALLOC": "malloc"}
    command = [sys.executable, "-c", CODE.format(cycle=cycle)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert least <= float(done.stdout) <= most
