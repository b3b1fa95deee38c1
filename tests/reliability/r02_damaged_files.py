"""R2: damaged model files are refused, fast and in little memory."""

from __future__ import annotations

import hashlib
import random
import resource
import tempfile
import time
from pathlib import Path

import ostinato as ost
from tests.reliability.row import Row

DIGEST = b'"sha256":"'
SLOWEST, MEMORY = 1.0, 64 << 20  # seconds for a file; bytes beyond twice the file


def sealed(content: bytes) -> bytes:
    """The same file with a digest that fits, so that the damage is not found by the digest alone."""
    at = content.find(DIGEST)
    if at < 0 or at + len(DIGEST) + 64 > len(content):
        return content
    start, stop = at + len(DIGEST), at + len(DIGEST) + 64
    blank = content[:start] + b"0" * 64 + content[stop:]
    return content[:start] + hashlib.sha256(blank).hexdigest().encode() + content[stop:]


def damaged(content: bytes, draw: random.Random) -> bytes:
    """One to four changes of bytes, numbers of the header, lengths, or whole parts."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at, kind = draw.randrange(len(changed)), draw.randrange(6)
        if kind == 0:
            changed[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            changed[at] = draw.choice(b'0123456789{}[]",:-.eEnft\\\x00\xff')
        elif kind == 2:
            del changed[at : at + draw.randint(1, 64)]
        elif kind == 3:
            start = draw.randrange(len(changed))
            changed[at:at] = changed[start : start + draw.randint(1, 64)]
        elif kind == 4:
            changed[:8] = draw.choice([0, 1, len(changed), 2**31, 2**63, 2**64 - 1]).to_bytes(8, "little")
        else:
            number = str(draw.choice([-1, 0, 2**31, 2**63, 2**64, 10**300])).encode()
            digits = [place for place, byte in enumerate(changed[:4096]) if chr(byte).isdigit()]
            at = draw.choice(digits or [0])
            changed[at : at + 1] = number
        if not changed:
            changed += b"\0"
    return bytes(changed)


def measure(long: bool) -> Row:
    """Loads damaged forms of a file with a cell, a bidirectional layer and a head."""
    draw, files = random.Random(2), 100_000 if long else 1_500
    loaded, slowest, wrong = 0, 0.0, ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        net = ost.Sequential(ost.GRU(3, 4, bidirectional=True), ost.Dense(8, 2))
        net.save(path)
        content = path.read_bytes()
        ost.load(path)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(files):
            changed = damaged(content, draw)
            path.write_bytes(sealed(changed) if number % 2 else changed)
            started = time.perf_counter()
            try:
                ost.load(path)
                loaded += 1
            except ost.FormatError:
                pass
            except BaseException as error:
                wrong = wrong or f"; file {number}: {type(error).__name__}: {error}"
            slowest = max(slowest, time.perf_counter() - started)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    figure = (
        f"{files:,} files, half of them with a digest that fits: {files - loaded:,} FormatErrors, "
        f"{loaded} loaded, slowest {slowest * 1e3:.0f} ms, memory + {grown / 2**20:.0f} MiB{wrong}"
    )
    holds = not wrong and slowest < SLOWEST and grown <= 2 * len(content) + MEMORY
    promise = "a damaged model file is a FormatError: no crash, within 1 s, in twice the file + 64 MiB"
    return Row("R2", promise, figure, holds)
