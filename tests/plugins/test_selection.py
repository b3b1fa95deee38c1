"""Which plugins are used: by the environment, by their requirements, by their names not clashing."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pytest

import ostinato as ost
from ostinato.plugins import Registry, ReportRow
from ostinato.plugins.loader import PluginWarning
from tests.plugins.distributions import good, install

NUMBER = itertools.count()


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with the plugins ostinato-one and two."""
    monkeypatch.syspath_prepend(str(tmp_path))
    number = next(NUMBER)
    install(tmp_path, "ostinato-one", good("first"), module=f"selected_first_{number}")
    install(tmp_path, "two", good("second"), module=f"selected_second_{number}")
    return tmp_path


def rows(registry: Registry) -> dict[str, ReportRow]:
    return {row.id: row for row in registry.report()}


@pytest.mark.parametrize(
    ("value", "active"),
    [
        ("", {"one", "two"}),
        ("none", set()),
        ("only:one", {"one"}),
        ("only:ostinato-one,two:plugin", {"one", "two"}),
        ("no:ostinato_one", {"two"}),
        ("no: one , two", set()),
    ],
)
def test_the_environment_selects_before_anything_is_imported(
    value: str, active: set[str], two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSTINATO_PLUGINS", value)
    found = {row.id: row.status for row in Registry().report()}
    assert found["ostinato-one:plugin"] == ("active" if "one" in active else "disabled")
    assert found["two:plugin"] == ("active" if "two" in active else "disabled")
    imported = {name for name in sys.modules if name.startswith("selected_")}
    number = next(iter(two.glob("selected_first_*"))).stem.rpartition("_")[2]
    assert (f"selected_first_{number}" in imported) == ("one" in active)
    assert (f"selected_second_{number}" in imported) == ("two" in active)


def test_a_disabled_plugin_is_named_where_its_name_is_missed(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSTINATO_PLUGINS", "no:one")
    with pytest.raises(ost.ConfigError, match=r"ostinato-one:plugin \(disabled\)"):
        Registry().resolve("cell", "first")


@pytest.mark.parametrize("value", ["all", "only", "only:", "no:,", "none:one", "one"])
def test_another_value_is_an_error_when_plugins_are_looked_for(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSTINATO_PLUGINS", value)
    registry = Registry()
    assert registry.resolve("cell", "lstm").shown == "lstm"
    with pytest.raises(ost.ConfigError, match="OSTINATO_PLUGINS is"):
        registry.resolve("cell", "nobodys")


def test_a_name_that_selects_nothing_is_reported(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSTINATO_PLUGINS", "no:onne")
    with pytest.warns(PluginWarning, match="OSTINATO_PLUGINS names onne"):
        Registry().report()


def test_strict_makes_an_error_of_a_broken_plugin(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(two, "ostinato-zzz", "raise ValueError('not today')", module=f"strict_{next(NUMBER)}")
    monkeypatch.setenv("OSTINATO_PLUGINS_STRICT", "1")
    registry = Registry()
    with pytest.raises(
        ost.PluginError, match=r"ostinato-zzz:plugin 1\.5 is broken: ValueError: not today"
    ) as caught:
        registry.resolve("cell", "first")
    assert caught.value.plugin == "ostinato-zzz:plugin"
    monkeypatch.setenv("OSTINATO_PLUGINS_STRICT", "yes")
    with pytest.raises(ost.ConfigError, match="OSTINATO_PLUGINS_STRICT is 'yes'"):
        registry.resolve("cell", "first")
    monkeypatch.setenv("OSTINATO_PLUGINS_STRICT", "0")
    with pytest.warns(PluginWarning):
        assert registry.resolve("cell", "first").full == "one/first"


@pytest.mark.parametrize(
    ("requires", "status", "words"),
    [
        (f"ostinato=={ost.__version__}", "active", ""),
        ("ostinato>=999", "incompatible", f"requires ostinato >=999 and this is {ost.__version__}"),
        ("Ostinato (<0)", "incompatible", "it was not imported"),
        ('ostinato>=999; python_version < "3"', "active", ""),
        ("ostinato >> 1", "broken", "cannot be read"),
    ],
)
def test_a_plugin_for_another_release_is_not_imported(
    requires: str, status: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = f"requiring_{next(NUMBER)}"
    install(tmp_path, "ostinato-aaa", good("older"), module=module, requires=requires)
    registry = Registry()
    if status == "active":
        found = rows(registry)["ostinato-aaa:plugin"]
    else:
        with pytest.warns(PluginWarning, match=f"is {status}"):
            found = rows(registry)["ostinato-aaa:plugin"]
    assert found.status == status
    assert words in found.reason
    assert (module in sys.modules) == (status == "active")


def test_one_package_that_gives_a_name_twice_gives_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    number = next(NUMBER)
    (tmp_path / f"other_{number}.py").write_text(good("mine"))
    entry = f"a = {{module}}\nb = other_{number}"
    install(tmp_path, "ostinato-aaa", good("mine"), module=f"clash_{number}", entry=entry)
    registry = Registry()
    with pytest.warns(PluginWarning, match="is in conflict"):
        found = rows(registry)
    for id in ("ostinato-aaa:a", "ostinato-aaa:b"):
        assert (found[id].status, found[id].provides) == ("conflict", ())
        assert "ostinato-aaa:a" in found[id].reason and "ostinato-aaa:b" in found[id].reason
    with pytest.raises(ost.ConfigError, match=r"ostinato-aaa:a \(conflict\)"):
        registry.resolve("cell", "mine")


def test_two_entry_points_of_one_name_in_one_package_are_a_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    number = next(NUMBER)
    entry = "plugin = {module}\nplugin = elsewhere"
    install(tmp_path, "ostinato-aaa", good("mine"), module=f"same_{number}", entry=entry)
    registry = Registry()
    with pytest.warns(PluginWarning, match="two entry points called 'plugin'"):
        assert rows(registry)["ostinato-aaa:plugin"].status == "conflict"


def test_a_row_of_the_report_says_where_the_plugin_is_and_what_it_implements(two: Path) -> None:
    row = rows(Registry())["two:plugin"]
    assert row.path == str(two / "two-1.5.dist-info")
    assert row.hooks == ("ostinato_cells",)
    assert row.as_json()["provides"] == ("cell two/second",)
