"""Write recurrent.npz: `make golden`, or `python tests/golden/generate.py` with PyTorch 2.13 (CPU) installed.

One thread, so that PyTorch sums in one order and the same machine makes the same bytes again.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from tests.golden import archive, cases, reference

SEED = 20260101


def main() -> None:
    """Draw the cases, ask PyTorch, write the file."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    drawn = [cases.draw(index, rng) for index in range(cases.COUNT)]
    archive.save(archive.FILE, SEED, torch.__version__, [(case, reference.expected(case)) for case in drawn])
    size = archive.FILE.stat().st_size
    print(f"{archive.FILE.name}: {len(drawn)} configurations, {size / 1e6:.2f} MB, torch {torch.__version__}")


if __name__ == "__main__":
    main()
