"""Names: bare and full, ambiguous and unknown, registered in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.plugins import AmbiguousName, Provider, Registry, UnknownName
from ostinato.plugins import registry as shared
from ostinato.plugins.index import Found


class Plain(ost.Cell):
    """h' = W x."""

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {"W": ost.Param((size.hidden, size.input))}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        return p.W @ x, {}


class Plugin:
    """A plugin object whose cells have the given names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    @ost.hookimpl
    def ostinato_cells(self) -> list[ost.CellSpec]:
        return [ost.CellSpec(name, Plain) for name in self.names]


def registry(**plugins: Plugin) -> Registry:
    """A registry that finds these plugins, by distribution, and nothing else."""
    found = [
        Found(Provider(f"{name}:cells", name.replace("_", "-"), "1.0"), lambda plugin=plugin: plugin)
        for name, plugin in plugins.items()
    ]
    return Registry(lambda: found)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(shared, "_entries", list(shared.entries()))


def test_a_bare_name_of_one_provider_is_found_and_shown_with_its_namespace() -> None:
    names = registry(ostinato_acme=Plugin("mine"))
    assert names.resolve("cell", "mine") == names.resolve("cell", "acme/mine")
    assert names.resolve("cell", "mine").shown == "acme/mine"


def test_a_bare_name_of_two_providers_is_an_error_that_lists_both() -> None:
    names = registry(ostinato_acme=Plugin("mine"), other=Plugin("mine"))
    with pytest.raises(AmbiguousName, match=r"acme/mine.*other/mine"):
        names.resolve("cell", "mine")
    assert names.resolve("cell", "other/mine").provider.distribution == "other"


def test_two_distributions_of_one_namespace_have_different_names_in_the_error() -> None:
    names = registry(ostinato_acme=Plugin("mine"), acme=Plugin("mine"))
    with pytest.raises(AmbiguousName, match=r"\(acme:cells.*\(ostinato_acme:cells"):
        names.resolve("cell", "acme/mine")


def test_a_bare_name_is_the_built_in_whatever_plugins_provide() -> None:
    names = registry(acme=Plugin("lstm"))
    assert names.resolve("cell", "lstm").provider.distribution == "ostinato"
    assert names.resolve("cell", "ostinato/lstm") == names.resolve("cell", "lstm")
    assert names.resolve("cell", "acme/lstm").spec.factory is Plain


def test_an_unknown_name_gets_the_closest_ones() -> None:
    names = registry(acme=Plugin("swish"))
    with pytest.raises(UnknownName, match="did you mean 'gru'"):
        names.resolve("cell", "gruu")
    with pytest.raises(UnknownName, match="acme/swish"):
        names.resolve("cell", "acme/swis")
    with pytest.raises(UnknownName, match="there is no loss 'lstm'"):
        names.resolve("loss", "lstm")


def test_a_registered_class_can_be_used_by_its_name(kept: None) -> None:
    assert ost.register(Plain) is Plain
    net = ost.Recurrent("plain", 3, 4)
    assert repr(net) == "Recurrent('local/plain', 3, 4)"
    assert "local/plain" in ost.plugins.list("cell")


def test_registering_a_name_again_replaces_it(kept: None) -> None:
    class Later(Plain):
        """Another one."""

    ost.register(ost.CellSpec("plain", Plain))
    ost.register(ost.CellSpec("plain", Later))
    assert isinstance(ost.Recurrent("plain", 3, 4).cell, Later)


def test_a_registered_name_that_a_plugin_has_too_is_ambiguous() -> None:
    names = registry(acme=Plugin("mine"))
    names.register(ost.CellSpec("mine", Plain))
    with pytest.raises(AmbiguousName, match=r"acme/mine.*local/mine"):
        names.resolve("cell", "mine")


def test_losses_and_initializers_are_found_by_name_too(kept: None) -> None:
    class Cubic(ost.Loss):
        """Sum of |y - target|^3."""

        def step(self, y: Any, target: Any) -> Any:
            return ost.ops.sum(ost.ops.abs(y - target) ** 3)

    ost.register(ost.LossSpec("cubic", Cubic))
    ost.register(ost.InitializerSpec("sevens", lambda: lambda shape, rng: np.full(shape, 7.0)))
    net = ost.RNN(1, 1, init="sevens", nonlinearity="identity", bias=False, dtype="float64")
    value, _ = net.value_and_grad([[[1.0]]], [[[5.0]]], loss="cubic")
    assert value == 8.0


def test_the_built_ins_are_one_plugin_in_the_report() -> None:
    row = registry().report()[0]
    assert (row.id, row.version, row.status) == ("ostinato:builtin", ost.__version__, "active")
    assert {"cell lstm", "cell gru", "cell rnn", "loss mse", "optimizer adam"} <= set(row.provides)


def test_an_override_is_the_users_choice_and_ends_when_it_is_taken_back() -> None:
    names = registry(acme=Plugin("lstm"))
    names.override("cell", "lstm", "acme/lstm")
    assert names.overrides() == {("cell", "lstm"): "acme/lstm"}
    assert names.resolve("cell", "lstm").full == "acme/lstm"
    assert names.resolve("cell", "ostinato/lstm").spec.factory is not Plain
    names.override("cell", "lstm", None)
    assert names.resolve("cell", "lstm").provider.distribution == "ostinato"


@pytest.mark.parametrize(
    ("name", "full", "words"),
    [
        ("lstm", "acme/lstn", "did you mean 'acme/lstm'"),
        ("lstm", "gru", "full is 'gru'"),
        ("ostinato/lstm", "acme/lstm", "a bare name"),
    ],
)
def test_an_override_that_means_nothing_is_refused(name: str, full: str, words: str) -> None:
    names = registry(acme=Plugin("lstm"))
    with pytest.raises(ost.ConfigError, match=words):
        names.override("cell", name, full)
    assert names.overrides() == {}


def test_an_override_changes_what_the_name_makes_and_is_in_the_model_file(kept: None, tmp_path: Path) -> None:
    ost.register(ost.CellSpec("mine", Plain))
    ost.plugins.override("cell", "gru", "local/mine")
    try:
        net, builtin = ost.Recurrent("gru", 3, 4), ost.GRU(3, 4)
    finally:
        ost.plugins.override("cell", "gru", None)
    assert repr(net) == "Recurrent('local/mine', 3, 4)"
    assert repr(builtin) == "GRU(3, 4)"
    net.save(tmp_path / "model")
    assert repr(ost.load(tmp_path / "model")) == repr(net)


def test_a_plugin_is_found_by_its_id_its_distribution_and_its_namespace() -> None:
    mine = Plugin("mine")
    names = registry(ostinato_acme=mine)
    for name in ("ostinato_acme:cells", "ostinato-acme", "acme"):
        assert names.plugins(name) == {"ostinato_acme:cells": mine}
    with pytest.raises(UnknownName, match="did you mean 'acme'"):
        names.plugins("acne")


def test_a_factory_that_raises_is_an_error_that_names_the_plugin() -> None:
    def broken() -> Any:
        raise RuntimeError("out of order")

    class Bad:
        @ost.hookimpl
        def ostinato_losses(self) -> list[ost.LossSpec]:
            return [ost.LossSpec("bad", broken)]

    entry = registry(acme=Bad()).resolve("loss", "bad")
    with pytest.raises(ost.PluginError, match=r"loss 'acme/bad' cannot be made.*out of order") as failed:
        entry.make()
    assert failed.value.plugin == "acme:cells"


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(ost.ConfigError, match="did you mean 'cell'"):
        ost.plugins.list("cells")
