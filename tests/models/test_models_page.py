"""A table of docs/models.md: each estimator has the methods and arguments that it says, and no other."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import ostinato as ost

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
KINDS = {
    name: getattr(ost, name)
    for name in (
        *("SequenceClassifier", "SequenceRegressor", "SequenceTagger", "LanguageModel"),
        *("Seq2Seq", "SequenceGenerator", "Forecaster", "StateSpace"),
    )
}
SHORT = {"classifier": "SequenceClassifier", "regressor": "SequenceRegressor"}


def table() -> list[tuple[str, str]]:
    section = PAGE.read_text("utf-8").split("## More methods and arguments\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    return [(name, of) for names, of in cells for name in re.findall(r"`(\w+=?)`", names)]


def named(of: str) -> set[str]:
    """The estimators that a cell of the table names."""
    found = {*re.findall(r"`([A-Z]\w+)`", of), *(long for short, long in SHORT.items() if short in of)}
    return set(KINDS) - found if of.strip().startswith("all") else found


def has(kind: Any, name: str) -> bool:
    if name.endswith("="):
        return name[:-1] in inspect.signature(kind).parameters
    return callable(getattr(kind, name, None))


@pytest.mark.parametrize(("name", "of"), table())
def test_the_table_says_who_has_what(name: str, of: str):
    assert {one for one, kind in KINDS.items() if has(kind, name)} == named(of)


def test_the_table_is_read():
    assert len(table()) == 16
    assert {one for one in KINDS if f"`ost.{one}`" in PAGE.read_text("utf-8")} == set(KINDS)
