"""A table of docs/models.md: each estimator has the methods that it says, and no other."""

from __future__ import annotations

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
    section = PAGE.read_text("utf-8").split("## Methods\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    return [(name, of) for names, of in cells for name in re.findall(r"`(\w+)`", names)]


def methods(kind: Any) -> set[str]:
    """The public methods, without those with which scikit-learn routes metadata."""
    found = {name for name in dir(kind) if not name.startswith("_") and callable(getattr(kind, name))}
    return {name for name in found if name != "get_metadata_routing" and not name.endswith("_request")}


def named(of: str) -> set[str]:
    """The estimators that a cell of the table names."""
    found = {*re.findall(r"`([A-Z]\w+)`", of), *(long for short, long in SHORT.items() if short in of)}
    return set(KINDS) - found if of.strip().startswith("all") else found


@pytest.mark.parametrize(("name", "of"), table())
def test_the_table_says_who_has_what(name: str, of: str):
    assert {one for one, kind in KINDS.items() if name in methods(kind)} == named(of)


def test_the_table_has_each_method_once():
    found = [name for name, _ in table()]
    assert sorted(found) == sorted(set().union(*map(methods, KINDS.values())))


def test_the_page_links_each_estimator():
    assert {one for one in KINDS if f"`ost.{one}`" in PAGE.read_text("utf-8")} == set(KINDS)
