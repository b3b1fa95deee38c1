"""Fixtures of the tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ostinato.plugins.index import discover
from ostinato.plugins.registry import registry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, and a process that has not looked at plugins yet."""
    monkeypatch.syspath_prepend(str(tmp_path))
    with registry.isolated(discover):
        yield tmp_path
