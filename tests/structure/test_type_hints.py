"""`typing.get_type_hints` works for the public names: tools that read annotations need no type checker."""

import inspect
import typing

import ostinato as ost

# Names that are not there when the program runs, and why not.
LATER = {
    "Ids": "of streams and of decoding, which most programs do not import",
    "Stream": "the same",
    "GraphData": "of the description of graphs, which most programs do not import",
    "Found": "of installed plugins, which are found at the first name that is not built in",
    "Loaded": "the same",
}


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
    missing, seen = {}, 0
    rooms = [ost, *(one for name in ost.__all__ for one in [getattr(ost, name)] if inspect.ismodule(one))]
    named = [getattr(room, name) for room in rooms for name in getattr(room, "__all__", [])]
    values = {id(one): one for one in named if callable(one)}
    found = {id(one): one for value in values.values() for one in functions(value)}
    for one in found.values():
        if not getattr(one, "__module__", "").startswith("ostinato."):
            continue
        seen += 1
        try:
            typing.get_type_hints(one)
        except NameError as error:
            missing.setdefault(error.name, []).append(f"{one.__module__}.{one.__qualname__}")
    assert seen > 300
    assert missing.keys() <= LATER.keys(), missing
    # no reason is given for nothing
    assert missing.keys() == LATER.keys()
