"""Below the command line nobody takes names from the package root, which import-linter cannot see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ostinato

PACKAGE = Path(__file__).parents[2] / "python" / "ostinato"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "cli" not in path.relative_to(PACKAGE).parts)

# Beside submodules: the compiled core, and the version that it holds.
ALLOWED = {"_core", "__version__"} | {path.stem for path in PACKAGE.iterdir()}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_submodules_are_imported_from_the_root(path):
    if path == PACKAGE / "__init__.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "ostinato":
            assert {name.name for name in node.names} <= ALLOWED
        if isinstance(node, ast.Import):
            assert "ostinato" not in {name.name for name in node.names}
        assert not (isinstance(node, ast.ImportFrom) and node.level), "relative import"


def test_every_name_of_the_root_is_there_in_a_process_that_imported_nothing_else():
    code = "import ostinato\nfor name in ostinato.__all__:\n    getattr(ostinato, name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "room", ["analysis", "data", "eager", "metrics", "schedules", "strategies", "testing"]
)
def test_the_rooms_that_the_pages_name_are_names_of_the_root(room):
    assert room in ostinato.__all__
