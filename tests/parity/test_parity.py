"""The comparison of tests/golden, live against PyTorch and with fresh seeds: `make parity`.

Without PyTorch these tests are skipped. OSTINATO_PARITY_SEED repeats a run.
"""

import os
import secrets

import numpy as np
import pytest

pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

from tests.golden import cases, ours, reference

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("index", range(2 * cases.COUNT))
def test_equals_pytorch_live(index, dtype):
    case = cases.draw(index, np.random.default_rng([SEED, index]))
    wrong = ours.disagreements(ours.computed(case, dtype), reference.expected(case), dtype)
    assert wrong == [], f"{case} of OSTINATO_PARITY_SEED={SEED}"
