"""Plugins that are one file, as `--plugin FILE` takes them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import ostinato as ost
from ostinato.plugins import Registry
from ostinato.plugins.file import load_file
from tests.plugins.distributions import good

CLASSES = """
import ostinato as ost

class Halves(ost.Loss):
    '''Half the squares.'''
    def step(self, y, target):
        return ost.ops.sum((y - target) ** 2) / 2

class _Part(ost.Loss):
    '''Not for others.'''
"""


def test_a_file_with_hooks_is_a_plugin(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(good("written"))
    registry = Registry(lambda: [])
    assert load_file(file, registry).provides == ("cell local/written",)
    assert registry.resolve("cell", "written").full == "local/written"
    assert registry.report()[-1].path == str(file)


def test_a_file_with_classes_alone_gives_their_names(tmp_path: Path) -> None:
    # A file may have the name of a module: it does not replace the module.
    file = tmp_path / "json.py"
    file.write_text(CLASSES)
    registry = Registry(lambda: [])
    assert load_file(file, registry).provides == ("loss local/halves",)
    assert isinstance(registry.resolve("loss", "halves").make(), ost.Loss)
    assert not hasattr(sys.modules["json"], "Halves")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "no such file"),
        ("x = 1", "defines no Cell"),
        ("raise SystemExit(3)", "SystemExit: 3; fix "),
        ("import nowhere_at_all", "install nowhere_at_all"),
        ("def ostinato_cells(): return []", "not marked with @hookimpl"),
    ],
)
def test_a_file_that_is_no_plugin_is_an_error_that_names_it(
    source: str | None, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    if source is not None:
        file.write_text(source)
    with pytest.raises(ost.PluginError, match=r"mine\.py: ") as failed:
        load_file(file, Registry(lambda: []))
    assert words in str(failed.value)
