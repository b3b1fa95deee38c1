"""Every hook and every field of a descriptor has its page and a test; pages say what docstrings say."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from ostinato.specs import SPECS

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "docs" / "hooks"
sys.path.insert(0, str(HOOKS))
from make_pages import hooks, pages  # noqa: E402

TESTS = "\n".join(
    path.read_text(encoding="utf-8")
    for room in ("plugins", "training", "cli")
    for path in (ROOT / "tests" / room).rglob("*.py")
)


@pytest.mark.parametrize("name", pages())
def test_a_page_is_what_the_docstring_says(name: str) -> None:
    assert (HOOKS / name).read_text(encoding="utf-8") == pages()[name], "run `make hooks`"


def test_there_is_no_page_of_a_hook_that_is_gone() -> None:
    assert {path.name for path in HOOKS.glob("*.md")} == set(pages())


@pytest.mark.parametrize("hook", [name for name, _, _ in hooks()])
def test_a_hook_has_an_example_and_a_test_that_implements_it(hook: str) -> None:
    assert f"def {hook}(" in (HOOKS / f"{hook}.md").read_text(encoding="utf-8")
    # Those of registration go through MADE in tests/plugins/test_hooks.py, all of them.
    is_registration = hook in {spec.hook for spec in SPECS.values()}
    assert is_registration or f"def {hook}(self" in TESTS, "no test implements it"


@pytest.mark.parametrize("kind", SPECS)
def test_a_field_of_a_descriptor_is_on_the_page_of_its_hook(kind: str) -> None:
    page = (HOOKS / f"{SPECS[kind].hook}.md").read_text(encoding="utf-8")
    for field in dataclasses.fields(SPECS[kind]):
        assert field.metadata["doc"] and f"| `{field.name}` | {field.metadata['doc']} |" in page
