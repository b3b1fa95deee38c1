"""Pytest fixtures for plugin authors: `pytest_plugins = ["ostinato.testing.fixtures"]` in conftest.py.

- `ostinato_pm`: the names of the process with the built-ins alone; installed plugins are ignored.
- `ostinato_tmp_plugin`: a function that installs a package, given as text, for the duration of the test.
- `ostinato_fake_core`: `ScriptedCore`, for strategies: a core with the results that the test lists.

A conftest.py has to name this module, so other test suites have no cost.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ostinato.plugins.entry import ReportRow
from ostinato.plugins.index import discover
from ostinato.plugins.registry import Registry, registry
from ostinato.testing.distribution import install
from ostinato.testing.scripted_core import ScriptedCore

# A module stays imported, so each package has a different module name.
_NUMBER = itertools.count()


@pytest.fixture
def ostinato_pm() -> Iterator[Registry]:
    """The registry of the process, for the test without any installed or registered plugin."""
    with registry.isolated(lambda: []):
        yield registry


@pytest.fixture
def ostinato_tmp_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., ReportRow]]:
    """`install(source, distribution="ostinato-tmp", requires="")`: the report of the package it installs.

    The known names are those of the built-ins and of the packages that this test installed.
    """
    folder = tmp_path / "ostinato_tmp_plugins"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    with ExitStack() as stack:

        def one(source: str, distribution: str = "ostinato-tmp", requires: str = "") -> ReportRow:
            module = f"_ostinato_tmp_{next(_NUMBER)}"
            install(folder, distribution, source, module=module, requires=requires)
            # Reset: a registry looks for plugins only once.
            stack.close()
            stack.enter_context(registry.isolated(lambda: discover([str(folder)])))
            return next(row for row in registry.report() if row.id == f"{distribution}:plugin")

        stack.enter_context(registry.isolated(lambda: []))
        yield one
    for name in set(sys.modules) - before:
        if name.startswith("_ostinato_tmp_"):
            del sys.modules[name]


@pytest.fixture
def ostinato_fake_core() -> Callable[..., Any]:
    """The class `ScriptedCore`: `ostinato_fake_core(1.0, 2.0)` returns two losses."""
    return ScriptedCore
