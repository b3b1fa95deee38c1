"""R16: files are data. Nothing that reads one evaluates, unpickles or imports what it says."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import ostinato
from tests.reliability.row import Row

CALLS = {"eval", "exec", "compile", "__import__"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "runpy"}
DYNAMIC = {"import_module", "import_from", "load_module", "exec_module", "spec_from_file_location"}
FLAGS = {"allow_pickle"}

LOADERS = {"discover.py", "hooks.py", "plugins", "cli", "__init__.py", "namespace.py"}
"""Places that import by name: the package's own folders, entry points, a file that a command names."""

NO_FILES = "testing"
"""The conformance kit checks that layers can be pickled; it pickles what it made itself."""

IMPORT = """
import sys
seen = []
watched = ("socket.", "subprocess.", "os.system", "os.exec")
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(watched) else None)
import ostinato
assert ostinato.__all__ and [getattr(ostinato, name) for name in ostinato.__all__]
print(seen)
"""


def found(path: Path, root: Path) -> list[str]:
    """The places of a file that evaluate, unpickle, or import by name where they should not."""
    where, said = path.relative_to(root), []
    imports_by_name = where.parts[0] in LOADERS or where.name in LOADERS
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: set[str] = set()
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name) and function.id in CALLS:
                names.add(function.id)
            called = getattr(function, "attr", getattr(function, "id", ""))
            if called in DYNAMIC and not imports_by_name:
                names.add(called)
            names |= {
                one.arg
                for one in node.keywords
                if one.arg in FLAGS and not (isinstance(one.value, ast.Constant) and one.value.value is False)
            }
        elif isinstance(node, ast.Import):
            names |= {one.name.split(".")[0] for one in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            names |= {(node.module or "").split(".")[0]} & MODULES
        said += [f"{where}:{node.lineno}: {name}" for name in sorted(names) if hasattr(node, "lineno")]
    return said


def measure(long: bool) -> Row:
    """The syntax trees of the package, and the events of its import."""
    root = Path(ostinato.__file__).parent
    files = sorted(root.rglob("*.py"))
    wrong = [
        one for path in files if not {"templates", NO_FILES} & set(path.parts) for one in found(path, root)
    ]
    events = subprocess.run(
        [sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True
    ).stdout.strip()
    named = "".join(f"; {one}" for one in wrong[:3])
    figure = f"{len(files)} files: {len(wrong)} places{named}; events of the import: {events}"
    promise = (
        "no pickle, eval or import by a file's content; the import opens no socket and starts no process"
    )
    return Row("R16", promise, figure, not wrong and events == "[]")
