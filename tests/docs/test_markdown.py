"""What README.md and docs/ show is true: their Python blocks run, in order, and print what the page says.

The blocks of a page share one namespace and run in an empty folder. A block with the tag `output` after a
Python block holds exactly what that block prints.
"""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


def blocks(text):
    """(language, body, line of the body) of each fenced block."""
    return [(m[1], m[2], text[: m.start(2)].count("\n")) for m in FENCE.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run_and_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "example"}
    printed = None
    for language, body, line in blocks(page.read_text(encoding="utf-8")):
        if language == "python":
            # Leading newlines make the line numbers of a traceback those of the page.
            code = compile("\n" * line + body, str(page), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(code, namespace)
            printed = out.getvalue()
        elif language == "output":
            assert printed is not None, f"{page.name}:{line}: output without a Python block before it"
            assert printed.rstrip() == body.rstrip(), f"{page.name}:{line}: the block prints\n{printed}"
            printed = None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert missing == []
