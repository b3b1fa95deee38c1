"""Plugins written from the documentation alone: built, installed, and checked by the conformance kit."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost
from ostinato import testing
from ostinato.plugins.index import discover
from ostinato.plugins.registry import registry
from tests.authors.rows import ROWS, Row, install


@pytest.fixture(scope="module")
def site(once: Callable[[str, Callable[[Path], str]], str]) -> str:
    return once("authors", install)


@pytest.fixture
def plugins(site: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(site)
    with registry.isolated(discover):
        yield


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_plugin_of_an_outside_author_passes_the_kit(row: Row, plugins: None, site: str) -> None:
    (entry,) = (one for one in registry.entries() if (one.kind, one.full) == (row.kind, row.name))
    module = sys.modules[entry.spec.factory.__module__]
    assert str(module.__file__).startswith(site), "another copy is installed"
    # one set of options: make authors takes all of them
    report = testing.check(row.name, "quick", kind=row.kind, options=entry.spec.examples[:1])
    assert report.ran >= report.required
    assert [one.id for one in report.failures] == list(row.fails), report


def test_every_name_of_the_distributions_is_a_row(plugins: None) -> None:
    names = {(one.kind, one.full) for one in registry.entries() if one.full.startswith("zoo-")}
    assert names == {(row.kind, row.name) for row in ROWS}


def test_a_callback_of_an_outside_author_changes_the_gradients(plugins: None) -> None:
    noise = importlib.import_module("ostinato_zoo_training").GradientNoise

    x = np.ones((4, 5, 2), "float32")
    arenas = []
    for callbacks in ([], [noise(eta=1.0)], [noise(eta=1.0)]):
        net = ost.Dense(2, 2)
        ost.Trainer(net, loss="mse", callbacks=callbacks).fit(x, x, epochs=3, progress=False)
        arenas.append(net.arena.copy())
    assert not np.array_equal(arenas[0], arenas[1])
    assert np.array_equal(arenas[1], arenas[2])
