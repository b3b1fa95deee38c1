"""The dependency rule of the Rust core: a room uses only rooms below it, and only `kernel` has intrinsics."""

import re
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "rust" / "core" / "src"

# From the bottom up. A room may use the rooms of the lines above its own; rooms of one line do not.
LEVELS = [
    ["error", "memory"],
    ["kernel", "team", "random"],
    ["step", "store"],
    ["adjoint"],
    ["plan"],
    ["time"],
    ["net"],
    ["update", "model"],
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

SOURCES = sorted(CORE.rglob("*.rs"))


def code(path: Path) -> str:
    """The file without line comments, so that prose may name any room."""
    return re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))


def room_of(path: Path) -> str | None:
    """The room a file stands in; None for lib.rs, which joins them all."""
    first = path.relative_to(CORE).parts[0].removesuffix(".rs")
    return None if first == "lib" else first


def module_depth(path: Path) -> int:
    """How many `super` lead from the file's module to the crate root."""
    parts = path.relative_to(CORE).with_suffix("").parts
    return len(parts) - (parts[-1] == "mod")


def rooms_used(path: Path) -> set[str]:
    """Rooms that the file names: `crate::a`, `crate::{a::X, b}`, and `super::super::a` at the crate root."""
    text, used = code(path), set()
    used |= set(re.findall(r"\bcrate::(\w+)", text))
    for opening in re.finditer(r"\bcrate::\{", text):
        used |= heads_of_braces(text[opening.end() :])
    for chain, name in re.findall(r"\b((?:super::)+)(\w+)", text):
        if chain.count("super") >= module_depth(path):
            used.add(name)
    return used


def heads_of_braces(text: str) -> set[str]:
    """First names of `a::X, b::{c, d}}...` up to the brace that closes the group."""
    depth, flat = 0, ""
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            break
        if depth == 0:
            flat += sign
    return {match.group(1) for part in flat.split(",") if (match := re.match(r"\s*(\w+)", part))}


def test_there_are_sources_to_read():
    assert SOURCES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_dependencies_point_one_way(path):
    room = room_of(path)
    if room is None:
        return
    assert room in LEVEL, f"{room} is not in LEVELS: say there whom it may use"
    wrong = {used for used in rooms_used(path) & LEVEL.keys() if used != room and LEVEL[used] >= LEVEL[room]}
    assert not wrong, f"{room} may not use {sorted(wrong)}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_intrinsics_stay_in_the_kernel(path):
    if room_of(path) != "kernel":
        assert not re.search(r"\b(?:core|std)::arch\b", code(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_the_core_knows_no_python(path):
    assert "pyo3" not in code(path)


def test_the_core_crate_does_not_depend_on_python():
    manifest = (CORE.parent / "Cargo.toml").read_text(encoding="utf-8")
    assert not re.search(r"^\s*(pyo3|numpy)\b", manifest, re.MULTILINE)


def test_the_c_library_uses_the_public_interface_of_the_core():
    """The names at the root of the core, and panics and memory as values."""
    library = (CORE / "lib.rs").read_text(encoding="utf-8")
    exported = {"team", "memory"}
    for names in re.findall(r"^pub use \w+::(?:\{([^}]*)\}|(\w+));", library, re.MULTILINE):
        exported |= set(re.findall(r"\w+", " ".join(names)))
    for path in (CORE.parents[1] / "c" / "src").glob("*.rs"):
        text = code(path)
        used = set(re.findall(r"\bostinato_core::(\w+)", text))
        for opening in re.finditer(r"\bostinato_core::\{", text):
            used |= heads_of_braces(text[opening.end() :])
        assert used <= exported, f"{path.name} uses {sorted(used - exported)}"


def test_the_reader_of_use_lines_sees_every_form(monkeypatch):
    file = CORE / "plan" / "imaginary.rs"
    text = (
        "use crate::{net::{Graph, Node}, step};\n"
        "use super::super::time::Run; // crate::store\n"
        "crate::team::f();"
    )
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: text)
    assert rooms_used(file) == {"net", "step", "time", "team"}
