"""Which file of a Rust crate uses which: a reader of `mod`, of `use` and of paths.

A file uses the file that *defines* a name: `super::Name` is no use of a `mod.rs` that only re-exports
`Name`, and a `mod.rs` does not use the children that it declares or re-exports. The reader leaves out what
`#[cfg(test)]` marks. It does not expand macros: it reads their text as code of the file where it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

Names = tuple[str, ...]

COMMENT_OR_TEXT = re.compile(
    r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\[^\n]+?|[^\\\'\n])\'', re.DOTALL
)
TOKEN = re.compile(r"\$?[A-Za-z_]\w*|::|=>|->|[^\s\w]|\d[\w.]*")
ITEMS = {"fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"}
NAME = re.compile(r"\$?[A-Za-z_]\w*")


@dataclass
class Use:
    """One name of a `use` line: `use path as name`; `*` is the name of a glob."""

    path: Names
    name: str
    public: bool


@dataclass
class Module:
    """A module of a crate: a file, or a block `mod name { ... }` of one."""

    path: Names
    file: str
    items: set[str] = field(default_factory=set)
    uses: list[Use] = field(default_factory=list)
    paths: set[Names] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)  # children in files of their own
    blocks: list[Module] = field(default_factory=list)  # children in blocks of this file


def graph_of(root: Path, top: str = "lib.rs") -> dict[str, set[str]]:
    """The graph of the crate whose sources lie in `root`, beginning with the file `top`."""
    modules: dict[Names, Module] = {}
    _read_file(root, top, (), modules)
    graph: dict[str, set[str]] = {module.file: set() for module in modules.values()}
    for module in modules.values():
        graph[module.file] |= _used(module, modules) - {module.file}
    return graph


def tokens(text: str) -> list[str]:
    """The words and signs of a source text, without comments, texts and what is marked `#[cfg(test)]`."""
    found = TOKEN.findall(COMMENT_OR_TEXT.sub(" ", text))
    kept: list[str] = []
    at = 0
    while at < len(found):
        if found[at : at + 7] == ["#", "[", "cfg", "(", "test", ")", "]"]:
            at = _end_of_item(found, at + 7)
        else:
            kept.append(found[at])
            at += 1
    return kept


def _end_of_item(found: list[str], at: int) -> int:
    """Behind the item that begins at `at`: behind its `;` or its block."""
    depth = 0
    while at < len(found):
        sign = found[at]
        depth += (sign in "([{") - (sign in ")]}") if len(sign) == 1 else 0
        at += 1
        if depth == 0 and sign in (";", "}"):
            # The braces of `use a::{b, c};` are no block.
            return at + (at < len(found) and sign == "}" and found[at] == ";")
    return at


def _read_file(root: Path, file: str, path: Names, modules: dict[Names, Module]) -> None:
    """Reads a file and the files of its modules into `modules`."""
    module = read((root / file).read_text(encoding="utf-8"), path, file)
    waiting = [module]
    while waiting:
        one = waiting.pop()
        modules[one.path] = one
        waiting.extend(one.blocks)
        for name in one.files:
            inside = (*one.path, name)
            places = ("/".join(inside) + ".rs", "/".join(inside) + "/mod.rs")
            (place,) = (place for place in places if (root / place).exists())
            _read_file(root, place, inside, modules)


def read(text: str, path: Names, file: str) -> Module:
    """What the text of a module says."""
    return _read_block(tokens(text), path, file)


def _read_block(words: list[str], path: Names, file: str) -> Module:
    module = Module(path, file)
    at = depth = 0
    public = False
    while at < len(words):
        word = words[at]
        before = words[at - 1] if at else ""
        if word == "pub":
            public = True
            at += 1
            if words[at] == "(" and words[at + 1] in ("crate", "super", "self", "in"):
                at = words.index(")", at) + 1
            continue
        if word == "use":
            end = words.index(";", at)
            module.uses += _use_tree(words[at + 1 : end], (), public)
            at = end + 1
        elif word == "mod" and NAME.fullmatch(words[at + 1]) and words[at + 2] == ";":
            module.files.append(words[at + 1])
            at += 3
        elif word == "mod" and NAME.fullmatch(words[at + 1]) and words[at + 2] == "{":
            end = _end_of_item(words, at + 2)
            module.blocks.append(_read_block(words[at + 3 : end - 1], (*path, words[at + 1]), file))
            at = end
        elif word in ITEMS and depth == 0 and (name := _name_of_item(words, at)):
            module.items.add(name)
            at += 1
        elif NAME.fullmatch(word):
            at, names = _path_at(words, at)
            if len(names) > 1 and before != "::":
                module.paths.add(names)
            elif before not in (".", "fn", "::"):
                module.words.add(word)
        else:
            depth += (word == "{") - (word == "}")
            at += 1
        public = False
    return module


def _name_of_item(words: list[str], at: int) -> str | None:
    """The name that an item keyword declares: `const fn name` and `macro_rules! name` have a word between."""
    rest = [word for word in words[at + 1 : at + 4] if word not in ("fn", "!", "mut", "unsafe", "extern")]
    return rest[0] if rest and NAME.fullmatch(rest[0]) else None


def _path_at(words: list[str], at: int) -> tuple[int, Names]:
    """The names `a::b::c` from `at` on, and where they end."""
    names = [words[at]]
    at += 1
    while at + 1 < len(words) and words[at] == "::" and NAME.fullmatch(words[at + 1]):
        names.append(words[at + 1])
        at += 2
    return at, tuple(names)


def _use_tree(words: list[str], prefix: Names, public: bool) -> list[Use]:
    """The names of `a::{b, c as d, e::*, self}`."""
    path = list(prefix)
    at = 1 if words[:1] == ["::"] else 0
    while at < len(words):
        word = words[at]
        if word == "{":
            uses = []
            for part in _parts(words[at + 1 : -1]):
                uses += _use_tree(part, tuple(path), public)
            return uses
        if word == "*":
            return [Use(tuple(path), "*", public)]
        if word == "as":
            return [Use(tuple(path), words[at + 1], public)]
        if word == "self" and path:
            pass  # `a::{self}` is `a`
        elif word != "::":
            path.append(word)
        at += 1
    return [Use(tuple(path), path[-1], public)] if path else []


def _parts(words: list[str]) -> list[list[str]]:
    """The parts between the commas outside of braces."""
    parts: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "{") - (word == "}")
        if word == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def _used(module: Module, modules: dict[Names, Module]) -> set[str]:
    """The files that define what the module names."""
    used = set()
    for use in module.uses:
        # A re-export is a use only where the module itself needs the name.
        if use.public and use.name not in module.words:
            continue
        found = _resolve(module, use.path, modules)
        # A module that is imported is used where a path goes through it.
        if isinstance(found, str):
            used.add(found)
        elif found is not None and use.name == "*":
            used.add(found.file)
    for path in module.paths:
        found = _resolve(module, path, modules)
        if isinstance(found, str):
            used.add(found)
    return used


def _resolve(
    module: Module, path: Names, modules: dict[Names, Module], seen: frozenset = frozenset()
) -> Module | str | None:
    """The file of the item that a path names, or the module; None for what is of another crate or unknown."""
    here: Module = module
    for position, name in enumerate(path):
        is_last = position == len(path) - 1
        if name == "crate" and position == 0:
            here = modules[()]
        elif name == "self" and position == 0:
            continue
        elif name == "super":
            here = modules[here.path[:-1]]
        elif (child := modules.get((*here.path, name))) is not None:
            # A function may have the name of its module: `pub use scan::scan`.
            found = _item(here, name, modules, seen) if is_last else None
            if isinstance(found, str):
                return found
            here = child
        else:
            found = _item(here, name, modules, seen)
            if not isinstance(found, Module):
                # In `crate::a::Unknown`, made by a macro perhaps, `a` is known to have it.
                is_local = position and path[0] in ("crate", "super", "self")
                return found or (here.file if is_local else None)
            here = found
    return here


def _item(here: Module, name: str, modules: dict[Names, Module], seen: frozenset) -> Module | str | None:
    """What `here` defines or imports as `name`, child modules aside."""
    if name in here.items:
        return here.file
    if (here.path, name) in seen:
        return None
    seen |= {(here.path, name)}
    for use in here.uses:
        if use.name == name:
            return _resolve(here, use.path, modules, seen)
    for use in here.uses:
        found = _resolve(here, use.path, modules, seen) if use.name == "*" else None
        if isinstance(found, Module) and found is not here:
            inner = modules.get((*found.path, name)) or _item(found, name, modules, seen)
            if inner is not None:
                return inner
    return None
