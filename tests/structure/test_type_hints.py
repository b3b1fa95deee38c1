"""`typing.get_type_hints` works for the public names: tools that read annotations need no type checker."""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import types
import typing
from pathlib import Path

import pytest

import ostinato as ost
from ostinato.plugins.index import Found
from ostinato.plugins.loader import Loaded
from ostinato.plugins.registry import Registry


def functions(value, package="ostinato."):
    """The class or the function, and the public methods of the class that a package has written."""
    yield value
    for base in value.__mro__ if inspect.isclass(value) else ():
        for name, member in vars(base).items() if base.__module__.startswith(package) else ():
            member = getattr(member, "__func__", member)
            member = member.fget if isinstance(member, property) else member
            if callable(member) and (not name.startswith("_") or name == "__init__"):
                member = inspect.unwrap(member)
                if inspect.isfunction(member):
                    yield member


def test_the_annotations_of_public_names_are_there_when_the_program_runs():
    seen = 0
    rooms = [ost, *(one for name in ost.__all__ for one in [getattr(ost, name)] if inspect.ismodule(one))]
    named = [getattr(room, name) for room in rooms for name in getattr(room, "__all__", [])]
    values = {id(one): one for one in named if callable(one)}
    found = {id(one): one for value in values.values() for one in functions(value)}
    for one in found.values():
        if not getattr(one, "__module__", "").startswith("ostinato."):
            continue
        seen += 1
        typing.get_type_hints(one)
    assert seen > 300


PLUGINS = sorted(one.parent.name for one in Path("plugins").glob("*/src/*/__init__.py"))


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_annotations_of_plugins_are_there_when_the_program_runs(plugin):
    if importlib.util.find_spec(plugin) is None:
        pytest.skip(f"{plugin} is not installed: its make target installs it")
    (folder,) = Path("plugins").glob(f"*/src/{plugin}")
    seen = 0
    for name in (plugin, *(one.name for one in pkgutil.iter_modules([str(folder)], f"{plugin}."))):
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:  # what the plugin brings to ostinato need not be installed here
            assert not str(error.name).startswith("ostinato"), error
            continue
        for value in list(vars(module).values()):
            if callable(value) and str(getattr(value, "__module__", "")).startswith(plugin):
                for one in functions(value, plugin):
                    typing.get_type_hints(one)
                    seen += 1
    assert seen > 2


class Later(ost.Layer):
    """Its type is defined after it."""

    input_size: int
    later: "AfterIt | None" = None

    def build(self, x):
        return x


class AfterIt:
    pass


def test_types_of_inherited_fields_are_those_of_the_base(monkeypatch):
    made = types.ModuleType("elsewhere")  # without the name Any
    made.ost = ost
    monkeypatch.setitem(sys.modules, "elsewhere", made)
    source = "from __future__ import annotations\nclass Derived(ost.Layer):\n    more: int = 1\n"
    exec(source, vars(made))
    hints = typing.get_type_hints(made.Derived.__init__)
    assert hints == {"more": int, "seed": int, "dtype": typing.Any, "return": type(None)}
    assert typing.get_type_hints(Later.__init__)["later"] == typing.Optional[AfterIt]  # noqa: UP045

    class FromLater(Later):
        last: int = 0

    assert typing.get_type_hints(FromLater.__init__)["last"] is int


def test_a_text_that_is_no_type_does_not_concern_subclasses_or_other_fields(monkeypatch):
    made = types.ModuleType("free")
    monkeypatch.setitem(sys.modules, "free", made)
    source = """
import ostinato as ost
class Own: ...
class First(ost.Layer):
    size: "some free text" = 1
    later: 'AfterAll' = None
    helper: 'Own' = None
"""
    exec(source, vars(made))

    class Second(made.First):
        y: int = 2

    class Third(Second):
        z: int = 3

    found = Third.__init__.__annotations__
    assert found["size"] == "some free text" and found["later"] == "AfterAll"
    assert found["helper"] is made.Own and found["y"] is int and found["seed"] is int


def test_types_of_modules_that_are_imported_later_are_the_types_themselves():
    hints = typing.get_type_hints(ost.Network.decode)
    assert hints["return"] is ost.Decoded
    assert hints["sample"] == typing.Optional[ost.Sample]  # noqa: UP045 (as Python 3.10 makes it)
    assert int in typing.get_args(hints["begin"])
    assert typing.get_type_hints(ost.Network.stream)["return"].__name__ == "Stream"
    assert typing.get_type_hints(Registry.add)["loaded"] is Loaded
    (found,) = typing.get_args(typing.get_type_hints(Registry.isolated)["discover"])[-1].__args__
    assert found is Found
