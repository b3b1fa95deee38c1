"""Each figure of reliability holds, in the short form that takes seconds."""

from __future__ import annotations

import pytest

from tests.reliability.figures import BEGIN, END, FIGURES, HEAD, PAGE, measured, name_of, written
from tests.reliability.row import Row


# Nothing runs alone: the bounds in seconds, of R8 and R9, are for the long form.
@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.timeout(300)
def test_the_figure_holds(name: str) -> None:
    row = measured(name, long=False)
    assert row.holds, str(row)
    assert row.name == name


def test_the_page_shows_rows_of_figures_in_order() -> None:
    table = PAGE.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    shown = [name_of(line) for line in table.strip().splitlines()[2:]]
    assert shown == [name for name in FIGURES if name in shown]


def test_a_new_row_takes_the_place_of_the_old_one() -> None:
    first, second = list(FIGURES)[:2]
    kept = f"| {second} | promise | kept |"
    page = f"a\n{BEGIN}\n{HEAD}\n| {first} | promise | old |\n{kept}\n{END}\nb\n"
    found = written(page, [Row(first, "promise", "figure", False)])
    assert found == f"a\n{BEGIN}\n{HEAD}\n| {first} | promise | figure **FAILS** |\n{kept}\n{END}\nb\n"
