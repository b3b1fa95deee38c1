"""Programs, files and trained weights do not depend on the order of sets, which differs between processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from ostinato.options import stable_text
from tests.unusual import hash_seed_child

SEEDS = (1, 2, 3)


def made(seed: int) -> dict[str, str]:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    command = [sys.executable, "-m", "tests.unusual.hash_seed_child"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_processes_of_other_hash_seeds_make_the_same_programs_files_and_weights():
    first, *others = (made(seed) for seed in SEEDS)
    different = sorted({name for other in others for name in first if first[name] != other.get(name)})
    assert different == []
    for kind in ("cell", "regularizer", "optimizer", "schedule", "strategy", "loss", "metric", "scorer"):
        for name in hash_seed_child.names(kind):
            if name.startswith("local/"):  # another test of this process has registered it
                continue
            assert any(one.startswith(f"{kind} {name}") for one in first), f"{kind} {name} was not made"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b", "a"}, "set({'a', 'b'})"),
        (frozenset({2, 1}), "frozenset({1, 2})"),
        ([{"b": {"z", "y"}}, (1,)], "[{'b': set({'y', 'z'})}, (1,)]"),
        (test_processes_of_other_hash_seeds_make_the_same_programs_files_and_weights, None),
        (object(), "<object object>"),
        ("<at 0x7f>", "'<at 0x7f>'"),
        (set(), "set({})"),
    ],
)
def test_a_text_for_files_has_no_order_of_sets_and_no_address(value: Any, text: str | None):
    made = stable_text(value)
    assert " at 0x" not in made or isinstance(value, str)
    assert text is None or made == text
