"""What README.md, docs/ and plugins show is true: Python blocks run, print what they say; links lead on."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
]
# These have no examples to run.
TEXTS = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benches/README.md",
    ROOT / "tests/golden/README.md",
]
# The others have nothing to run.
EXAMPLES = [page for page in PAGES if "```python\n" in page.read_text(encoding="utf-8")]
# `make pictures` draws these pages' pictures with their own code.
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DRAWN = re.search(r"^DRAWN := (.+)$", MAKEFILE, re.MULTILINE)[1].split()
# What a page needs in addition to the dependencies of the tests that every environment has.
NEEDS = {
    **{"coming-from.md": "sklearn", "onnx.md": "onnxruntime", "pytorch.md": "torch"},
    **{"many-machines.md": "mpi4py", "search.md": "optuna", "jax.md": "jax"},
}
PICTURE = re.compile(r"!\[[^\]]*\]\(pictures/([^)]+)\)")
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
TO_HEADING = re.compile(r"\]\((?!https?://)([^)#]*)#([^)]+)\)")


@pytest.fixture(scope="module")
def run() -> Iterator[Callable[[Path, Path], str]]:
    """Runs a page in a folder, in a process of its own: a page may register cells and write files."""
    command = [sys.executable, str(Path(__file__).with_name("run_page.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True) as server:
        assert server.stdin is not None and server.stdout is not None
        ask, answers = server.stdin, server.stdout

        def one(page: Path, folder: Path) -> str:
            """What goes wrong, nothing if the page is right."""
            out = folder.with_name(f"{folder.name}.out")
            ask.write(json.dumps({"page": str(page), "folder": str(folder), "out": str(out)}) + "\n")
            ask.flush()
            return "" if answers.readline() == "0\n" else out.read_text(encoding="utf-8") or "it ended"

        yield one
        os.killpg(server.pid, signal.SIGKILL)  # with a page that hangs


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run_and_print_what_the_page_says(page, tmp_path, run):
    if page.name in NEEDS:
        pytest.importorskip(NEEDS[page.name], reason=f"{page.name} needs the package")
    assert run(page, tmp_path) == ""
    if page.stem in DRAWN:
        text = page.read_text(encoding="utf-8")
        missing = [name for name in PICTURE.findall(text) if not (tmp_path / name).exists()]
        assert missing == [], "pictures that no code of the page draws"


def test_a_page_without_an_example_has_no_output_either():
    for page in set(PAGES) - set(EXAMPLES):
        assert "```output\n" not in page.read_text(encoding="utf-8"), f"{page.name} prints what nothing runs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_that_no_test_runs_are_python(page):
    for block in re.findall(
        r"^```py\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    ):
        compile(block, page.name, "exec")


@pytest.mark.parametrize("page", [*PAGES, *TEXTS], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    missing = [link for link in LINK.findall(prose(page)) if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", [*PAGES, *TEXTS], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_a_heading_find_it(page):
    links = [
        (page.parent / name if name else page, heading) for name, heading in TO_HEADING.findall(prose(page))
    ]
    assert [(str(other), heading) for other, heading in links if heading not in anchors(other)] == []


def prose(page: Path) -> str:
    """The text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the headings of a page: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.strip().lower()).replace(" ", "-") for one in headings}
