"""Memory whose size follows the data is requested through `crate::memory`: `vec![x; n]` ends the process.

A list with an entry for each layer, node or state of a network may be made by `vec!`.
"""

import re
from pathlib import Path

import pytest

from tests.structure.rust_files import tokens

CORE = Path(__file__).parents[2] / "rust" / "core" / "src"
SOURCES = sorted(
    path
    for room in ("net", "time", "store")
    for path in (CORE / room).rglob("*.rs")
    if "tests" not in path.relative_to(CORE).parts and path.name != "tests.rs"
)
# Lengths that follow the network or a constant.
SMALL = re.compile(
    r"(program|layer|inner|written|network|self|initial)\b.*\b"
    r"(nodes|layers|states|outputs|inputs|initial|axes|row_states|entry_axes|finals|len)\b.*"
    r"|[A-Z_]+|count"  # count: of the buffers of a pass
)

LARGE = re.compile(r"\b(rows|steps|total|values|data|width|geometry)\b")


def filled(text: str) -> list[tuple[str, str]]:
    """The element and the length of each `vec![element; length]` outside of tests."""
    words, found = tokens(text), []
    for at in range(len(words) - 2):
        if words[at : at + 3] != ["vec", "!", "["]:
            continue
        depth, end, middle = 1, at + 3, None
        while depth:
            depth += (words[end] in "([{") - (words[end] in ")]}") if len(words[end]) == 1 else 0
            if words[end] == ";" and depth == 1:
                middle = end
            end += 1
        if middle is not None:
            found.append((" ".join(words[at + 3 : middle]), " ".join(words[middle + 1 : end - 1])))
    return found


def is_small(element: str, length: str) -> bool:
    of_network = SMALL.fullmatch(length) is not None and LARGE.search(length) is None
    return of_network and not element.startswith("T ::")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_no_vector_of_rows_or_steps_is_made_by_vec(path):
    found = filled(path.read_text(encoding="utf-8"))
    assert [one for one in found if not is_small(*one)] == [], "use memory::zeros, resized or with_room"


def test_the_reader_finds_what_it_should():
    text = "let a = vec![0; rows * width]; let b = vec![(1, 2); self.nodes.len()]; let c = vec![x, y];"
    assert filled(text) == [("0", "rows * width"), ("( 1 , 2 )", "self . nodes . len ( )")]
    assert [is_small(*one) for one in filled(text)] == [False, True]
    assert not is_small("T :: ZERO", "self . nodes . len ( )")
    assert not is_small("0", "geometry . total ( )")
    assert not is_small("0", "self . rows . len ( )")
