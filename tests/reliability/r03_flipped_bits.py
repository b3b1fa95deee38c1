"""R3: no flipped bit and no truncation of a model file goes unnoticed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import ostinato as ost
from tests.reliability.row import Row


def measure(long: bool) -> Row:
    """All bits and all lengths of a file of about 4 KB; every 29th in the short form."""
    every = 1 if long else 29
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        ost.Recurrent("rnn", 3, 4).save(path)
        content = path.read_bytes()

        def noticed(changed: bytes) -> bool:
            path.write_bytes(changed)
            try:
                ost.load(path)
            except ost.FormatError:
                return True
            return False

        bits, lengths = range(0, 8 * len(content), every), range(0, len(content), every)
        for bit in bits:
            changed = bytearray(content)
            changed[bit // 8] ^= 1 << bit % 8
            missed += not noticed(bytes(changed))
        for length in lengths:
            missed += not noticed(content[:length])
    figure = (
        f"{len(bits):,} flipped bits and {len(lengths):,} lengths of {len(content):,} bytes: {missed} missed"
    )
    return Row("R3", "every flipped bit and every truncation of a model file is noticed", figure, missed == 0)
