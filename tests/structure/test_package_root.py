"""Only the command line imports names from the package root; import-linter cannot check this."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ostinato

PACKAGE = Path(__file__).parents[2] / "python" / "ostinato"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "cli" not in path.relative_to(PACKAGE).parts)

# Other names than submodules: the compiled core, and its version.
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


# Rooms that many programs never enter, and what costs most of other people's modules.
LATE_ROOMS = """
analysis builtin cli data eager io layers.attention metrics optimizers plugins.hookspecs plugins.index
plugins.loader regularizers schedules strategies strategy testing training
""".split()
LATE = [f"ostinato.{room}" for room in LATE_ROOMS] + [
    *(
        "argparse",
        "difflib",
        "hashlib",
        "importlib.metadata",
        "json",
        "numpy.random",
        "pathlib",
        "subprocess",
    ),
    *("asyncio", "concurrent", "logging", "socket", "unittest", "urllib"),
]


def test_importing_the_package_leaves_for_later_what_is_needed_later():
    # What NumPy imports by itself is no cost of ours, and differs from release to release.
    code = f"""
import sys, numpy
before = set(sys.modules)
import ostinato
print(*(set(sys.modules) - before) & set({LATE!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


# Reading a module takes 0.2 ms, defining a data class 0.5 ms. These are the numbers of today and a few more.
MODULES, DATA_CLASSES = 130, 48


def test_importing_the_package_loads_few_modules_and_defines_few_data_classes():
    code = """
import sys, ostinato
modules = [module for name, module in sys.modules.items() if name.startswith("ostinato")]
defined = {
    value for module in modules for value in vars(module).values()
    if isinstance(value, type) and "__dataclass_fields__" in vars(value)
}
print(len(modules), sum(one.__module__.startswith("ostinato") for one in defined))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, defined = map(int, done.stdout.split())
    assert 0 < modules <= MODULES
    assert 0 < defined <= DATA_CLASSES


def test_dir_names_what_is_imported_later_too():
    code = "import ostinato\nprint(*set(ostinato.__all__) - set(dir(ostinato)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()
