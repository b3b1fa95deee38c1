"""The guard: instructions of a few kernels, counted by callgrind, against the numbers in guard.json.

    make guard                        counts, compares, fails where one is more than 8 % above its number
    make guard GUARD_FLAGS=--update   writes the numbers of now

Instructions do not drift with the machine's load, so a slow-down of the code fails a build without a
clock. They are counted for AVX2, the best that valgrind knows, and for one thread. The set-up is left
out: each work is counted for two numbers of repetitions, and the difference is what counts. Needs
valgrind; without it, or on another architecture, it says so and lets the build pass.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from examples import FOLDER, ROOT

NUMBERS = Path(__file__).with_name("guard.json")
PROGRAM = FOLDER.parent / "ostinato-guard"

# What a new compiler, or another way to inline, may cost; a kernel that lost its vectors costs 2 to 8 times.
TOLERANCE = 0.08
# The set-up varies by some 20,000 instructions from run to run, because hash tables have random keys: over so
# many repetitions that is at most 2 % of the smallest work.
FEW, MANY = 2, 42


def instructions(name: str, times: int) -> int:
    """All instructions of the process that does this work so many times."""
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        str(PROGRAM),
        name,
        str(times),
    ]
    environment = {**os.environ, "OSTINATO_ISA": "avx2"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        raise SystemExit(f"guard: {' '.join(command)} failed:\n{done.stderr}")
    return int(found[1])


def count(name: str) -> int:
    """Instructions of one repetition."""
    return (instructions(name, MANY) - instructions(name, FEW)) // (MANY - FEW)


def missing() -> str | None:
    """Why nothing can be counted here, None if it can."""
    if platform.machine() != "x86_64":
        return f"the numbers are those of x86_64, and this is {platform.machine()}"
    if "avx2" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        return "this machine has no AVX2"
    return None if shutil.which("valgrind") else "valgrind is not installed"


def main() -> int:
    """Count, compare, report; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the numbers of now to guard.json")
    update = parser.parse_args().update
    why = missing()
    if why is not None:
        print(f"guard: SKIPPED, {why}; no slow-down would be noticed here")
        return 1 if update else 0
    command = ["cargo", "build", "--quiet", "--release", "-p", "ostinato-guard"]
    subprocess.run(command, cwd=ROOT, check=True)
    known: dict[str, int] = json.loads(NUMBERS.read_text(encoding="utf-8"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # of processes: other ones change no count
        counted = dict(zip(known, pool.map(count, known), strict=True))
    slower = []
    for name, now in counted.items():
        ratio = now / known[name] if known[name] else float("inf")
        print(f"guard: {name:<14} {now:>12,} instructions, {ratio:6.3f} of {known[name]:,}")
        if ratio > 1 + TOLERANCE:
            slower.append(name)
        elif ratio < 1 - TOLERANCE and not update:
            print(f"guard: {name} got faster; keep it so with make guard GUARD_FLAGS=--update")
    if update:
        NUMBERS.write_text(json.dumps(counted, indent=2) + "\n", encoding="utf-8")
        print(f"guard: wrote {NUMBERS.relative_to(ROOT)}")
        return 0
    if slower:
        print(
            f"guard: {', '.join(slower)}: more than {TOLERANCE:.0%} more instructions than in guard.json. "
            "If that buys something, or the compiler alone changed, say so and update the numbers."
        )
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
