"""The files of a Rust crate form no circle, so that a room can be read from the bottom up.

`python -m tests.structure.test_rust_circles` prints the levels of every folder.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.file_graph import circles, entries, folders, levels, show
from tests.structure.rust_files import graph_of, read

ROOT = Path(__file__).parents[2]
CRATES = {name: ROOT / "rust" / name / "src" for name in ("core", "py", "c")}
# Every folder of every crate.
INSIDE = [(crate, folder) for crate, root in CRATES.items() for folder in folders(graph_of(root))]

# Folders inside a room, from the bottom up: a folder uses itself and the folders before it.
FOLDERS = {"net": ["graph", "batch", "values", "group", "bptt", "call"]}


def uses(files: list[str], graph: dict[str, set[str]]) -> str:
    """The files of a circle, each with those that it uses."""
    return "\n".join(f"  {file} uses {', '.join(sorted(graph[file] & set(files)))}" for file in files)


def upward(graph: dict[str, set[str]], room: str, folders: list[str]) -> list[str]:
    """Uses that point from a folder of the room to a later one."""

    def place(file: str) -> int | None:
        names = file.split("/")
        is_inside = len(names) > 2 and names[0] == room and names[1] in folders
        return folders.index(names[1]) if is_inside else None

    return [
        f"{file} uses {other}"
        for file, used in sorted(graph.items())
        for other in sorted(used)
        if None not in (here := place(file), there := place(other)) and there > here
    ]


@pytest.mark.parametrize("crate", CRATES)
def test_no_file_uses_itself_through_others(crate):
    graph = graph_of(CRATES[crate])
    found = "\n".join(uses(circle, graph) for circle in circles(graph))
    assert not found, f"circles of files:\n{found}"


@pytest.mark.parametrize(("crate", "folder"), INSIDE)
def test_the_files_and_folders_of_a_folder_stand_on_levels(crate, folder):
    """Two folders may not use each other, even where no file uses itself."""
    graph = entries(graph_of(CRATES[crate]), folder)
    found = "\n".join(uses(circle, graph) for circle in circles(graph))
    assert not found, f"circles in {folder or crate}:\n{found}"


@pytest.mark.parametrize("room", FOLDERS)
def test_the_folders_of_a_room_point_one_way(room):
    assert not upward(graph_of(CRATES["core"]), room, FOLDERS[room])


@pytest.mark.parametrize("crate", CRATES)
def test_the_graph_has_every_file_that_is_no_test(crate):
    graph = graph_of(CRATES[crate])
    files = {path.relative_to(CRATES[crate]).as_posix() for path in CRATES[crate].rglob("*.rs")}
    missing = {file for file in files - graph.keys() if "tests" not in file.removesuffix(".rs").split("/")}
    assert not missing, "no `mod` line leads to these files"
    assert not {file for file in graph if "tests" in file.removesuffix(".rs").split("/")}


# The reader itself, on made-up crates: the files, and what `a.rs` is to use.
LIB = "mod a; mod b; mod room;"
ROOM = (
    "mod inner; mod other; pub use inner::Inner; pub use other::{Other as Renamed, helper}; pub struct Own;"
)
FILES = {
    "lib.rs": LIB,
    "b.rs": "pub struct B; pub fn b() {} pub trait Many {} pub const fn c() {} macro_rules! m { () => {} }",
    "room/mod.rs": ROOM,
    "room/inner.rs": "pub struct Inner;",
    "room/other.rs": "pub struct Other; pub fn helper() {}",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("use crate::b::B;", {"b.rs"}),
        ("use super::b::B;", {"b.rs"}),
        ("use self::deep::D; mod deep;", {"a/deep.rs"}),
        ("use deep::D; mod deep;", {"a/deep.rs"}),
        ("mod deep;", set()),
        ("mod deep; pub use deep::D;", set()),
        ("mod deep; pub use deep::D; fn f(_: D) {}", {"a/deep.rs"}),
        ("mod deep; pub(crate) use deep::D;", set()),
        ("mod deep; pub(in crate::b) use deep::D;", set()),
        ("use crate::room::Inner;", {"room/inner.rs"}),
        ("use crate::room::Renamed;", {"room/other.rs"}),
        ("use crate::room::Own;", {"room/mod.rs"}),
        ("use crate::{b::{self, B}, room::{Inner, inner::Inner as I}};", {"b.rs", "room/inner.rs"}),
        ("use crate::room;", set()),
        ("use crate::room; fn f(_: room::Inner) {}", {"room/inner.rs"}),
        ("use crate::room as r; fn f() { r::helper() }", {"room/other.rs"}),
        ("use crate::room::*;", {"room/mod.rs"}),
        ("use crate::room::*; fn f() { Inner::new() }", {"room/mod.rs", "room/inner.rs"}),
        ("fn f() { crate::b::b() }", {"b.rs"}),
        ("fn f() { super::b::c() }", {"b.rs"}),
        ("fn f() { use crate::b::B; }", {"b.rs"}),
        ("mod block { use crate::b::B; }", {"b.rs"}),
        ("mod block { use super::Near; } struct Near;", set()),
        ("mod block { pub fn f() { super::super::b::b() } }", {"b.rs"}),
        ("macro_rules! tables { () => { mod $name { use crate::b::B; } } }", {"b.rs"}),
        ("use crate::b::unknown_name_made_by_a_macro;", {"b.rs"}),
        ("use std::sync::Arc; use pyo3::prelude::*; fn f() { u32::from(1u8) }", set()),
        ('// use crate::b::B;\n/* crate::b::b() */ const T: &str = "crate::b::B";', set()),
        ("const T: &str = r#\"use crate::b::B; \" \"#; const C: char = '\"'; fn f<'x>(_: &'x str) {}", set()),
        ("#[cfg(test)] mod tests { use crate::b::B; }", set()),
        ("#[cfg(test)]\nmod tests;\nuse crate::room::Inner;", {"room/inner.rs"}),
        ("#[cfg(test)] pub use crate::b::{B, b}; use crate::room::Inner;", {"room/inner.rs"}),
        ("#[cfg(test)] #[allow(unused)] fn f() { crate::b::b() } use crate::room::Own;", {"room/mod.rs"}),
    ],
)
def test_the_reader_sees_every_form_of_use(tmp_path, text, expected):
    for file, words in {**FILES, "a.rs": text, "a/deep.rs": "pub struct D;"}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(words, encoding="utf-8")
    assert graph_of(tmp_path)["a.rs"] == expected


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("room/inner.rs", "use super::helper;", {"room/other.rs"}),
        ("room/inner.rs", "use super::Own;", {"room/mod.rs"}),
        ("room/inner.rs", "fn f() { super::other::helper() }", {"room/other.rs"}),
        ("room/inner.rs", "use super::super::b::B;", {"b.rs"}),
        ("room/mod.rs", ROOM, set()),
        ("room/mod.rs", ROOM + " fn f() { helper() }", {"room/other.rs"}),
        ("room/mod.rs", ROOM + " fn f() { other::helper() }", {"room/other.rs"}),
        ("room/mod.rs", ROOM + " fn f(x: Own) { x.helper() }", set()),
        # A function of the name of its module.
        ("room/mod.rs", "mod inner; mod other; pub use other::other; fn f() { other() }", {"room/other.rs"}),
    ],
)
def test_a_child_uses_what_its_parent_re_exports_and_not_the_parent(tmp_path, file, text, expected):
    made = {**FILES, "a.rs": "", "room/other.rs": FILES["room/other.rs"] + " pub fn other() {}", file: text}
    for name, words in made.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(words, encoding="utf-8")
    assert graph_of(tmp_path)[file] == expected


def test_a_module_knows_its_items_and_its_children():
    module = read("pub(crate) fn f() {} struct S; const fn g() {} mod x; mod y { fn z() {} }", ("m",), "m.rs")
    assert module.items == {"f", "S", "g"}
    assert module.files == ["x"]
    assert [(block.path, block.items) for block in module.blocks] == [(("m", "y"), {"z"})]


def test_circles_are_found_and_levels_stand_on_each_other():
    graph = {
        "top": {"left", "right"},
        "left": {"right"},
        "right": {"left", "ground"},
        "ground": set(),
        "alone": set(),
    }
    assert circles(graph) == [["left", "right"]]
    assert levels(graph) == [["alone", "ground"], ["left", "right"], ["top"]]
    graph["right"] = {"ground"}
    assert circles(graph) == []
    assert levels(graph) == [["alone", "ground"], ["right"], ["left"], ["top"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_a_folder_that_uses_a_later_one_is_found():
    graph = {"net/graph/node.rs": {"net/group/forward.rs"}, "net/group/forward.rs": {"net/graph/node.rs"}}
    assert upward(graph, "net", FOLDERS["net"]) == ["net/graph/node.rs uses net/group/forward.rs"]


def test_folders_that_use_each_other_are_found_though_no_file_is_in_a_circle():
    graph = {
        "room/mod.rs": set(),
        "room/a/low.rs": set(),
        "room/a/high.rs": {"room/b/middle.rs"},
        "room/b/middle.rs": {"room/a/low.rs"},
    }
    assert folders(graph) == ["", "room", "room/a", "room/b"]
    assert circles(graph) == []
    assert entries(graph, "room") == {"mod.rs": set(), "a/": {"b/"}, "b/": {"a/"}}
    assert circles(entries(graph, "room")) == [["a/", "b/"]]
    assert entries(graph, "room/a") == {"low.rs": set(), "high.rs": set()}
    assert entries(graph, "") == {"room/": set()}


if __name__ == "__main__":
    for crate, folder in INSIDE:
        print(f"{crate}: {folder or 'the crate'}", show(entries(graph_of(CRATES[crate]), folder)), sep="\n")
