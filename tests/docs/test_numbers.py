"""Numbers in README.md and docs/ that count rows of tables of tests are the lengths of these tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ostinato import testing
from ostinato.plugins.registry import registry
from tests.plugins.bad_plugins import INSTALLED, USED
from tests.testing.faults import networks
from tests.testing.test_faults import OF_KIND

ROOT = Path(__file__).parents[2]
WORDS = {10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen", 14: "fourteen"}

# A name that two packages have is a conflict of two good plugins.
FAULTY_IN_USE = len([name for name in USED if name != "a name that two packages have"])
# One that hangs and one that fails in a training run have tests of their own.
OTHERS = 2


def text(path: str) -> str:
    return " ".join((ROOT / path).read_text(encoding="utf-8").split())


def test_the_number_of_faults_that_the_kit_finds() -> None:
    faults: list[Any] = [*networks.FAULTS, *(row for rows in OF_KIND.values() for row in rows)]
    about = len(faults) // 10 * 10
    assert f"each of more than {about} faults" in text("README.md")
    assert f"it contains more than {about} faulty" in text("docs/conformance.md")


def test_the_number_of_kinds_that_the_kit_checks() -> None:
    assert f"of {WORDS[len(testing.KINDS)]} kinds" in text("README.md")


def test_the_number_of_faulty_plugins() -> None:
    total = len(INSTALLED) + FAULTY_IN_USE + OTHERS
    numbers = f"{total} kinds of faulty plugins ({len(INSTALLED)} fail while loading, {FAULTY_IN_USE} in use,"
    assert numbers in text("README.md")


def test_the_number_of_words_in_the_glossary() -> None:
    page = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    words = WORDS[sum(line.startswith("| **") for line in page.split("\n"))]
    assert f"{words.capitalize()} words" in page
    assert f"{words} words" in text("README.md")


def test_the_readme_counts_the_losses_and_the_optimizers():
    losses, optimizers = (len(registry.builtins(kind)) for kind in ("loss", "optimizer"))
    assert f"| built-in losses and optimizers | {losses} and {optimizers};" in text("README.md")


def test_the_table_of_lengths_is_that_of_the_last_measurement():
    content = json.loads((ROOT / "benches/results/lengths.json").read_text(encoding="utf-8"))
    page = (ROOT / "docs/long-sequences.md").read_text(encoding="utf-8")
    for row in content["rows"]:
        assert f"| {row['layer']} | {row['ms'][0]:,.1f} |" in page
    assert f"torch {content['machine']['torch']}." in page
