"""Ablations in Rust: programs of rust/core/examples that time two sides alternately, each in one process."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from timing import Pair

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples"


def build(name: str) -> None:
    """Builds a program."""
    command = ["cargo", "build", "--quiet", "--release", "-p", "ostinato-core", "--example", name]
    subprocess.run(command, cwd=ROOT, check=True)


def pair(name: str, *arguments: float) -> Pair:
    """What it finds; its head says what the sides and the arguments are.

    Raises CalledProcessError where the two sides disagree.
    """
    command = [FOLDER / name, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    times = json.loads(done.stdout)
    return Pair.of(times["ours"], times["theirs"])
