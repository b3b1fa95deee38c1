"""`typing.get_type_hints` works for the public names: tools that read annotations need no type checker."""

import inspect
import typing

import ostinato as ost
from ostinato.plugins.index import Found
from ostinato.plugins.loader import Loaded
from ostinato.plugins.registry import Registry


def functions(value):
    """The class or the function, and the public methods of the class."""
    yield value
    for base in value.__mro__ if inspect.isclass(value) else ():
        for name, member in vars(base).items() if base.__module__.startswith("ostinato.") else ():
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


def test_types_of_modules_that_are_imported_later_are_the_types_themselves():
    hints = typing.get_type_hints(ost.Network.decode)
    assert hints["return"] is ost.Decoded
    assert hints["sample"] == typing.Optional[ost.Sample]  # noqa: UP045 (as Python 3.10 makes it)
    assert int in typing.get_args(hints["begin"])
    assert typing.get_type_hints(ost.Network.stream)["return"].__name__ == "Stream"
    assert typing.get_type_hints(Registry.add)["loaded"] is Loaded
    (found,) = typing.get_args(typing.get_type_hints(Registry.isolated)["discover"])[-1].__args__
    assert found is Found
