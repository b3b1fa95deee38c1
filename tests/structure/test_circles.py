"""No file uses itself by way of others: every file can be read knowing only the files below it.

`python -m tests.structure.test_circles` prints the levels.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.file_graph import circles, levels, show

PACKAGE = Path(__file__).parents[2] / "python" / "ostinato"


def python_graph(package: Path = PACKAGE) -> dict[str, set[str]]:
    """File -> the files of the package that it imports: at the top, in functions, for type checkers alone.

    That importing a file runs the `__init__.py` of its folder does not count: each folder would be a circle.
    """
    files = {_module(path, package): path for path in sorted(package.rglob("*.py"))}
    names = {module: path.relative_to(package).as_posix() for module, path in files.items()}
    return {
        names[module]: {names[one] for one in _imports(path, names) if one in names}
        for module, path in files.items()
    }


def _module(path: Path, package: Path) -> str:
    parts = [package.name, *path.relative_to(package).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path, known: dict[str, str]) -> Iterator[str]:
    """The modules that a file imports. There are no relative imports: see test_package_root.py."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                # The name of a file means that file; any other name is defined in the module itself.
                # `ostinato._core` is compiled from Rust, whose files have a graph of their own.
                yield inside if inside in known or alias.name == "_core" else str(node.module)


def test_no_circle_of_python_files() -> None:
    assert circles(python_graph()) == []


@pytest.mark.parametrize(
    "sources, expected",
    [
        ({"a": "", "b": "from ostinato.a import x"}, []),
        ({"a": "from ostinato.b import x", "b": "import ostinato.a"}, [["a.py", "b.py"]]),
        ({"a": "def f():\n    from ostinato import b", "b": "import ostinato.a"}, [["a.py", "b.py"]]),
        (
            {
                "a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ostinato.room import c",
                "room/c": "from ostinato.b import x",
                "b": "from ostinato.a import x",
                "d": "from ostinato.a import x",
            },
            [["a.py", "b.py", "room/c.py"]],
        ),
        ({"__init__": "from ostinato.a import x", "a": "from ostinato import _core"}, []),
        ({"__init__": "from ostinato.a import x", "a": "from ostinato import x"}, [["__init__.py", "a.py"]]),
    ],
    ids=["none", "at the top", "in a function", "for type checkers", "the core", "the package"],
)
def test_a_circle_is_found_wherever_the_import_stands(
    sources: dict[str, str], expected: list[list[str]], tmp_path: Path
) -> None:
    package = tmp_path / "ostinato"
    for name, text in sources.items():
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert circles(python_graph(package)) == expected


def test_levels_stand_on_what_they_use_and_circles_share_one() -> None:
    graph = {"top": {"left", "right"}, "left": {"ground"}, "right": {"left", "twin"}, "twin": {"right"}}
    assert levels(graph) == [["ground"], ["left"], ["right", "twin"], ["top"]]
    assert circles({**graph, "alone": {"alone"}}) == [["right", "twin"], ["alone"]]
    *rows, circle = show(graph).splitlines()
    assert rows == ["  0  ground", "  1  left", "  2  right twin", "  3  top"]
    assert circle == "circle: right twin"


def test_a_long_chain_is_no_deep_recursion() -> None:
    chain = {str(n): {str(n + 1)} for n in range(5000)}
    assert len(levels(chain)) == 5001
    assert circles({**chain, "5000": {"0"}}) == [sorted(map(str, range(5001)))]


if __name__ == "__main__":
    print(show(python_graph()))
