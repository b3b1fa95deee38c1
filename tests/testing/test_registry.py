"""Every built-in name passes the kit, none exempt, and so does what is in `plugins/`, by tests of its own."""

import os
from pathlib import Path

import pytest

from ostinato import testing
from ostinato.plugins.entry import BUILTIN
from ostinato.plugins.registry import registry
from ostinato.specs import SPECS
from tests.cell_table import CASES

# `make conformance` sets the level "standard"; every night is soon enough for that.
LEVEL = os.environ.get("OSTINATO_CONFORMANCE_LEVEL", "quick")

PLUGINS = sorted(path.parent for path in (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml"))
NAMES = [
    (entry.kind, entry.shown)
    for entry in registry.entries()
    if entry.provider.id == BUILTIN and entry.kind in testing.KINDS
]


@pytest.mark.parametrize(("kind", "name"), NAMES, ids=[f"{kind}-{name}" for kind, name in NAMES])
def test_every_built_in_passes_the_kit(kind, name):
    report = testing.check(name, LEVEL, kind=kind)
    report.raise_if_failed()
    assert report.counts["expected"] == 0


def test_what_the_table_of_cells_names_is_checked():
    for name, options, _ in CASES:
        assert options in registry.resolve("cell", name).spec.examples


def test_every_kind_but_commands_has_its_checks():
    assert set(testing.KINDS) == set(SPECS) - {"command"}


def sources(folder):
    """The program text of a distribution."""
    return "".join(path.read_text(encoding="utf-8") for path in (folder / "src").rglob("*.py"))


# The kit has no checks of commands, so a distribution that has nothing else has no conformance test.
CHECKED = [
    folder
    for folder in PLUGINS
    if any(f"def {SPECS[kind].hook}(" in sources(folder) for kind in testing.KINDS)
]


@pytest.mark.parametrize("folder", CHECKED, ids=lambda folder: folder.name)
def test_every_distribution_brings_its_conformance_test(folder):
    text = "".join(path.read_text(encoding="utf-8") for path in (folder / "tests").glob("test_*.py"))
    assert "parametrize_checks(" in text
    assert "expected_failures" not in text


def test_distributions_without_a_conformance_test_register_commands_or_nothing():
    without = [folder.name for folder in PLUGINS if folder not in CHECKED]
    assert without == ["ostinato-onnx", "ostinato-track"]
