"""Below the command line nobody takes names from the package root, which import-linter cannot see."""

import ast
from pathlib import Path

import pytest

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
