"""Everything that has a name passes the kit: built-ins and the distributions of `plugins/`, none exempt."""

import os

import pytest

from ostinato import testing
from ostinato.plugins.registry import registry

# `make conformance` runs this at the level "standard"; every night is soon enough for that.
LEVEL = os.environ.get("OSTINATO_CONFORMANCE_LEVEL", "quick")

NAMES = [(entry.kind, entry.shown) for entry in registry.entries() if entry.kind in testing.KINDS]


@pytest.mark.parametrize(("kind", "name"), NAMES, ids=[f"{kind}-{name}" for kind, name in NAMES])
def test_everything_with_a_name_passes_the_kit(kind, name):
    report = testing.check(name, LEVEL, kind=kind)
    report.raise_if_failed()
    assert report.counts["expected"] == 0
