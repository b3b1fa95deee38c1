"""docs/conformance.md lists every check of every kind with its promise, in the order of the kit."""

import re
from pathlib import Path

import pytest

from ostinato import testing

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", testing.KINDS)
def test_the_page_lists_every_check_with_its_promise(kind):
    section = PAGE.partition(f"\n### {kind.capitalize()}\n")[2].partition("\n#")[0]
    listed = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    assert listed == [(one.id, one.doc) for one in testing.KINDS[kind].checks]


@pytest.mark.parametrize("kind", testing.KINDS)
def test_ids_are_names_of_their_own(kind):
    ids = testing.KINDS[kind].ids
    assert len(ids) == len(set(ids))
    assert all(id.isidentifier() for id in ids)
