"""A call that a page shows with the names of its parameters has these parameters, in this order."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ostinato as ost

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ROOMS: tuple[Any, ...] = (
    ost,
    ost.schedules,
    ost.strategies,
    ost.metrics,
    ost.data,
    ost.initializers,
    ost.analysis,
)


def calls(text: str) -> Iterator[ast.Call]:
    """Inline code such as `Plateau(metric, factor=0.1)`: a name, and arguments that are names or defaults."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    for code in re.findall(r"`([A-Za-z_.]+\([^`]*\))`", prose):
        try:
            found = ast.parse(code, mode="eval").body
        except SyntaxError:
            continue
        if isinstance(found, ast.Call) and all(isinstance(one, ast.Name) for one in found.args):
            yield found


def resolved(function: ast.expr) -> Any:
    """What a name, or `ost.name`, stands for; None for methods and for what is not public."""
    room, _, name = ast.unparse(function).rpartition(".")
    if room and not room.startswith("ost"):
        return None
    found = [getattr(one, name) for one in ROOMS if name in dir(one)]
    return next((one for one in found if callable(one)), None)


CALLS = [
    (page, one) for page in PAGES for one in calls(page.read_text(encoding="utf-8")) if resolved(one.func)
]


@pytest.mark.parametrize(
    ("page", "call"), CALLS, ids=lambda one: getattr(one, "stem", None) or ast.unparse(one)
)
def test_a_documented_call_has_these_parameters(page: Path, call: ast.Call) -> None:
    parameters = list(inspect.signature(resolved(call.func)).parameters.values())
    names = [one.name for one in parameters]
    variable = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    places = [one for one in parameters if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    given = [one.id for one in call.args if isinstance(one, ast.Name)]
    if given and given[0] in names:  # the names of parameters, not of values of the page
        assert given == [one.name for one in places[: len(given)]], f"{page.name}: {ast.unparse(call)}"
    for keyword in call.keywords:
        assert keyword.arg is None or keyword.arg in names or variable, f"{page.name}: {ast.unparse(call)}"


def test_the_pages_show_the_parameters_of_schedules_and_of_early_stopping() -> None:
    shown = {ast.unparse(one.func) for _, one in CALLS}
    assert {"Plateau", "WarmUp", "Cosine", "Step", "Exponential", "TimeBased", "EarlyStopping"} <= shown
