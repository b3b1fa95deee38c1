"""A name of a package that is not installed is an error that says what to install."""

from __future__ import annotations

import pytest

import ostinato as ost
from ostinato.foreign import packages
from ostinato.plugins.registry import SPECS


def test_the_table_has_what_the_packages_register():
    installed = {one for one in packages.PACKAGES if packages._is_installed(one)}
    if not installed:
        pytest.skip("no package of plugins/ is installed")
    found: dict[str, dict[str, str]] = {}
    for kind in SPECS:
        for name in ost.plugins.list(kind):
            plugin, _, own = name.rpartition("/")
            if f"ostinato-{plugin}" in installed:
                of_kind = found.setdefault(f"ostinato-{plugin}", {})
                of_kind[kind] = f"{of_kind.get(kind, '')} {own}".strip()
    assert found == {one: dict(packages.PACKAGES[one]) for one in installed}


@pytest.mark.parametrize("name", ["mpi", "mpi/mpi"])
def test_the_error_says_what_to_install(name, monkeypatch):
    monkeypatch.setattr(packages, "_is_installed", lambda package: False)
    monkeypatch.setattr(ost.plugins.registry, "_load_plugins", lambda: None)
    monkeypatch.setattr(ost.plugins.registry, "_entries", ost.plugins.registry._entries[:0])
    with pytest.raises(ost.plugins.UnknownName, match="has it: pip install ostinato-mpi; "):
        ost.plugins.registry.resolve("strategy", name)
    monkeypatch.setattr(packages, "_is_installed", lambda package: True)
    with pytest.raises(ost.plugins.UnknownName) as caught:
        ost.plugins.registry.resolve("strategy", name)
    assert "pip" not in str(caught.value)
