"""The page of traps has all of them, and the tests that it names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "traps.md").read_text(encoding="utf-8")
ROWS = {name: cells for name, cells in re.findall(r"^\| (S\d+) \|(.*)\|$", PAGE, flags=re.MULTILINE)}


def named(trap: str) -> list[tuple[str, str]]:
    """The file and the name of each test of a row."""
    return re.findall(r"`([\w/.-]+)::(\w+)`", ROWS[trap].split("|")[-1])


def defined(file: Path) -> set[str]:
    """The names of the tests of a file in Python or Rust."""
    source = file.read_text(encoding="utf-8")
    if file.suffix == ".rs":
        return set(re.findall(r"#\[test\]\s*(?:#\[[^\]]*\]\s*)*fn (\w+)", source))
    return {one.name for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)}


def test_every_trap_has_a_row() -> None:
    assert list(ROWS) == [f"S{number}" for number in range(1, 28)]


@pytest.mark.parametrize("trap", ROWS)
def test_the_tests_of_a_trap_exist(trap: str) -> None:
    tests = named(trap)
    assert tests
    for file, name in tests:
        assert name in defined(ROOT / file), f"{file} has no test {name}"
