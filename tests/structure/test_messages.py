"""Error messages print values with `errors.shown`: repr of what a caller gives may raise or be endless."""

import ast
import re
from pathlib import Path

import pytest

from ostinato.errors import described, shown

PACKAGE = Path(__file__).parents[2] / "python" / "ostinato"
# What is printed there comes from the command line, or from the kit's own problems.
ROOMS = ("cli", "testing")
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ROOMS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_an_error_message_does_not_call_repr_by_itself(path):
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Raise) and path.name not in ("errors.py", "version.py"):
            raised = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            assert not re.search(r"!r(:[^}]*)?\}", raised), (
                f"write {{shown(value)}}, of ostinato.errors: {raised}"
            )


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no repr")


class Unreadable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("a'b", '"a\'b"'),
        (10**5000, "an integer of about 5001 digits"),
        (Unprintable(), "a value of type Unprintable that cannot be printed"),
        ([Unprintable()], "a value of type list that cannot be printed"),
        ({"x": 10**5000}, "a value of type dict that cannot be printed"),
    ],
    ids=["number", "text", "huge", "unprintable", "list", "dict"],
)
def test_any_value_has_a_text(value, text):
    assert shown(value) == text


def test_a_long_value_is_cut():
    assert shown("a" * 1000) == "'" + "a" * 156 + "..."
    assert "\n" not in shown(type("Lines", (), {"__repr__": lambda self: "a\nb"})())


def test_an_exception_without_a_text_is_described():
    assert described(Unreadable()) == "Unreadable: (no message: its __str__ raises RuntimeError)"
