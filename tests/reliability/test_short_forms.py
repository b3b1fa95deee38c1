"""Each figure of reliability holds, in the short form that takes seconds."""

from __future__ import annotations

import pytest

from tests.reliability.figures import BEGIN, END, FIGURES, HEAD, measured, written
from tests.reliability.row import Row


@pytest.mark.serial
@pytest.mark.parametrize("name", FIGURES)
def test_the_figure_holds(name: str) -> None:
    row = measured(name, long=False)
    assert row.holds, str(row)
    assert row.name == name


def test_a_new_table_takes_the_place_of_the_old_one() -> None:
    row = Row("R1", "promise", "figure", False)
    page = written(f"a\n{BEGIN}\nold\n{END}\nb\n", [row])
    assert page == f"a\n{BEGIN}\n{HEAD}\n| R1 | promise | figure **FAILS** |\n{END}\nb\n"
