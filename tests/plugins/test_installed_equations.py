"""Loading a model says if the equations of an installed cell differ from those of the file."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli import main
from ostinato.plugins.index import discover
from ostinato.plugins.loader import PluginWarning
from ostinato.plugins.registry import registry
from tests.plugins.distributions import install

SOURCE = '''
from ostinato import Cell, CellSpec, Param, State, hookimpl, ops

class Fades(Cell):
    """A cell of a test."""
    def __init__(self, {option}=0.5):
        self.rate = {option}
    def parameters(self, size):
        return {{"W": Param((size.hidden, size.input))}}
    def state(self, size):
        return {{"h": State(size.hidden)}}
    def step(self, x, state, p):
        h = {equation}
        return h, {{"h": h}}

@hookimpl
def ostinato_cells():
    return [CellSpec("fades", Fades)]
'''
X = np.ones((2, 3, 2), "f4")
FIRST, SECOND = "p.W @ x + self.rate * state.h", "p.W @ x + 0.9 * state.h"


Install = Callable[[str, str, str], None]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a version of a plugin before the others on the path."""

    def installs(version: str, equation: str, option: str = "rate") -> None:
        folder = tmp_path / version
        folder.mkdir()
        source = SOURCE.format(equation=equation, option=option)
        module = f"fading_{tmp_path.name}_{version}".replace(".", "_").replace("-", "_")
        install(folder, "ostinato-fading", source, module=module, version=version)
        monkeypatch.syspath_prepend(str(folder))

    return installs


@pytest.fixture
def saved(shop: Install, tmp_path: Path) -> Path:
    """A model of version 1.0, and its outputs next to it."""
    shop("1.0", FIRST, "rate")
    with registry.isolated(discover):
        net = ost.Sequential(ost.Recurrent("fading/fades", 2, 2, rate=0.25), ost.Dense(2, 2))
        net.save(tmp_path / "model")
        np.save(tmp_path / "outputs.npy", net(X))
    return tmp_path / "model"


def loaded(path: Path, *, plugins: bool) -> list[str]:
    """The warnings of loading, with plugins that this process has imported before, or not."""
    with registry.isolated(discover), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if plugins:
            ost.plugins.list()
        net = ost.load(path)
        assert net(X).tobytes() == np.load(path.with_name("outputs.npy")).tobytes()
    assert all(one.category is PluginWarning for one in caught)
    return [str(one.message) for one in caught]


def info(path: Path, capsys: pytest.CaptureFixture[str], *, plugins: bool = True) -> str:
    with registry.isolated(discover):
        if plugins:
            ost.plugins.list()
        assert main(["info", str(path)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("plugins", [False, True])
def test_the_same_version_and_no_version_say_nothing(plugins, saved, capsys, monkeypatch, tmp_path):
    assert loaded(saved, plugins=plugins) == []
    assert "cell fading/fades                ostinato-fading 1.0\n" in info(saved, capsys)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if not one.startswith(str(tmp_path))])
    assert loaded(saved, plugins=plugins) == []
    assert "ostinato-fading 1.0, not installed" in info(saved, capsys)


def test_another_version_with_other_equations_is_a_warning(saved, shop, capsys):
    shop("2.0", SECOND, "rate")
    (caught,) = loaded(saved, plugins=True)
    assert (
        "cell fading/fades was saved with ostinato-fading 1.0; 2.0 is installed, with other equations"
        in caught
    )
    (caught,) = loaded(saved, plugins=False)
    assert "2.0 is installed, whose equations may differ. The network computes those of the file" in caught
    assert "ostinato-fading 1.0; 2.0 is installed, with other equations" in info(saved, capsys)
    assert "1.0; 2.0 is installed, maybe with other equations" in info(saved, capsys, plugins=False)


def test_another_version_with_the_same_equations_is_none_where_they_can_be_compared(saved, shop, capsys):
    shop("1.1", "p.W @ x + self.rate * state.h  # new comment", "rate")
    assert loaded(saved, plugins=True) == []
    assert "1.0; 1.1 is installed, with the same equations" in info(saved, capsys)


def test_a_version_that_does_not_take_the_options_has_other_equations(saved, shop):
    shop("3.0", FIRST, "speed")
    (caught,) = loaded(saved, plugins=True)
    assert "3.0 is installed, with other equations" in caught


def test_a_plugin_is_not_imported_for_it(saved, shop, tmp_path):
    shop("2.0", SECOND, "rate")
    (tmp_path / "2.0" / "mark").write_text("")
    module = next((tmp_path / "2.0").glob("fading*.py"))
    module.write_text("raise SystemExit('imported')")
    assert len(loaded(saved, plugins=False)) == 1


def test_a_cell_that_was_registered_again_with_other_equations_is_a_warning(tmp_path):
    def cell(rate: float) -> type[ost.Cell]:
        class Halves(ost.Cell):
            def parameters(self, size):
                return {"W": ost.Param((size.hidden, size.input))}

            def state(self, size):
                return {"h": ost.State(size.hidden)}

            def step(self, x, state, p):
                h = p.W @ x + rate * state.h
                return h, {"h": h}

        return Halves

    with registry.isolated(discover):
        ost.register(cell(0.5))
        ost.Recurrent("halves", 2, 2).save(tmp_path / "model")
        ost.load(tmp_path / "model")
        ost.register(cell(0.9))
        with pytest.warns(PluginWarning, match="cell .*halves: the one that is registered now has others"):
            ost.load(tmp_path / "model")
