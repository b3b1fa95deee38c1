"""No page measures validation on the data that it trains on: readers copy examples."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").glob("*/README.md")])
FITS = ("fit",)


def same(code: str) -> list[str]:
    """The calls of `fit` whose validation begins with its own data."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if (
            not isinstance(node, ast.Call)
            or not isinstance(node.func, ast.Attribute)
            or node.func.attr not in FITS
        ):
            continue
        for keyword in node.keywords:
            if keyword.arg == "validation" and isinstance(keyword.value, ast.Tuple) and node.args:
                data, measured = ast.unparse(node.args[0]), ast.unparse(keyword.value.elts[0])
                if data == measured:
                    found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_validation_is_held_out(page: Path) -> None:
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.S | re.M):
        try:
            assert same(code) == []
        except SyntaxError:  # a part of a page that is not Python by itself
            continue


def test_the_search_finds_a_validation_on_the_training_data() -> None:
    assert same("trainer.fit(x, y, epochs=1, validation=(x, y, lengths))")
    assert not same("trainer.fit(x[:8], y[:8], epochs=1, validation=(x[8:], y[8:]))")
