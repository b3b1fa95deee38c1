"""Adds a name to a package that exists."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from ostinato.errors import ConfigError

PROJECT = "pyproject.toml"


@dataclass(frozen=True)
class Package:
    """A plugin package in a folder."""

    distribution: str
    name: str
    """Of the module that ostinato imports."""
    folder: Path
    """Of that module."""

    @classmethod
    def found(cls, project: Path) -> Package:
        """The package of a folder with a pyproject.toml.

        Raises ConfigError if its pyproject.toml names no module, or it is not there; OSError.
        """
        text = (project / PROJECT).read_text(encoding="utf-8")
        distribution = _value(text, "project", "name")
        module = _value(text, "project.entry-points.ostinato")
        if distribution is None or module is None:
            raise ConfigError(
                f"{project / PROJECT} has no name, or no entry point of ostinato; expected a package that "
                "`ostinato new` wrote, or a folder without a pyproject.toml, for a package of its own"
            )
        for folder in (project / "src" / module, project / module):
            if (folder / "__init__.py").is_file():
                return cls(distribution, module, folder)
        raise ConfigError(
            f"{project} has no src/{module}/__init__.py, which its {PROJECT} names for ostinato"
        )


def _value(text: str, section: str, key: str = r"[\w.-]+") -> str | None:
    """The first value of this key in a section of a TOML file."""
    found = re.search(rf"^\[{re.escape(section)}\]\s*$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    line = found and re.search(rf"""^"?{key}"?\s*=\s*["']([^"']+)["']""", found[1], re.MULTILINE)
    return line[1].partition(":")[0] if line else None


@dataclass(frozen=True)
class Entry:
    """One more name: `spec(name, object)` in the list of `hook`."""

    hook: str
    spec: str
    call: str
    module: str
    object: str
    """What `module` defines."""


def registered(source: str, path: Path, entry: Entry) -> str:
    """The text of `__init__.py` with one more entry.

    Raises ConfigError if the text is not Python, or if the hook does not end with a list.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.msg}; expected Python") from None
    lines = source.splitlines(keepends=True)
    hooks = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == entry.hook]
    edits, more = _imports(tree, lines, entry), ""
    if hooks:
        last = hooks[0].body[-1]
        listed = last.value if isinstance(last, ast.Return) else None
        if not isinstance(listed, ast.List) or listed.end_lineno is None or listed.end_col_offset is None:
            raise ConfigError(
                f"{path}, line {hooks[0].lineno}: {entry.hook} does not end with a list; write "
                f"{entry.call} into it, and import {entry.object} from {entry.module}"
            )
        end = _offset(lines, listed.end_lineno, listed.end_col_offset) - 1
        edits.append((end, end, f", {entry.call}" if listed.elts else entry.call))
    else:
        more = (
            f"\n\n@hookimpl\ndef {entry.hook}() -> list[{entry.spec}]:\n"
            f'    """The names that this package provides."""\n    return [{entry.call}]\n'
        )
    for one in tree.body:
        is_all = isinstance(one, ast.Assign) and [ast.unparse(target) for target in one.targets] == [
            "__all__"
        ]
        if isinstance(one, ast.Assign) and is_all and isinstance(one.value, ast.List):
            names = sorted({*ast.literal_eval(one.value), entry.object}, key=_order)
            text = "[" + ", ".join(f'"{name}"' for name in names) + "]"
            edits.append((*_span(lines, one.value), text))
    for begin, end, text in sorted(edits, reverse=True):
        source = source[:begin] + text + source[end:]
    return source + more


def _imports(tree: ast.Module, lines: list[str], entry: Entry) -> list[tuple[int, int, str]]:
    """The edits that import the descriptor, the decorator and the object."""
    imports = [one for one in tree.body if isinstance(one, ast.Import | ast.ImportFrom)]
    own = next((one for one in imports if isinstance(one, ast.ImportFrom) and one.module == "ostinato"), None)
    made = f"from {entry.module} import {entry.object}\n"
    # after the last import; without any, at the beginning
    after = sum(len(one) for one in lines[: imports[-1].end_lineno if imports else 0])
    if own is None:
        return [(after, after, f"from ostinato import {entry.spec}, hookimpl\n{made}")]
    names = sorted({*(one.name for one in own.names if not one.asname), entry.spec, "hookimpl"}, key=_order)
    renamed = [f"{one.name} as {one.asname}" for one in own.names if one.asname]
    edits = [(*_span(lines, own), f"from ostinato import {', '.join([*names, *renamed])}")]
    return [*edits, (after, after, made)]


def _order(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as formatters sort imports."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _span(lines: list[str], node: ast.stmt | ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return _offset(lines, node.lineno, node.col_offset), _offset(lines, node.end_lineno, node.end_col_offset)


def _offset(lines: list[str], line: int, column: int) -> int:
    """The place in the text of a place of the parser, which counts bytes."""
    before = sum(len(one) for one in lines[: line - 1])
    return before + len(lines[line - 1].encode()[:column].decode())
