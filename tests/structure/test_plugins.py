"""The plugins of this repository import the public API alone, as plugins of other authors do."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import ostinato as ost

# The public modules, and those whose types and functions are for plugins.
PUBLIC = {
    *(name for name in ost.__all__ if inspect.ismodule(getattr(ost, name))),
    *("errors", "parallel", "strategy"),
}


def test_plugins_import_public_modules_alone():
    files = sorted(Path("plugins").glob("*/src/**/*.py"))
    wrong = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                package, _, module = name.partition(".")
                if package == "ostinato" and module and module not in PUBLIC:
                    wrong.append(f"{file}:{node.lineno} imports {name}")
    assert len(files) > 30 and not wrong, wrong
