"""Parameters of an estimator as a model file holds them: plain values, and objects of the library.

An object is stored by its kind, its name and its options, if the name is built in and they make an equal
object. Reading a file imports no code that it names, so any other object is the text of its repr.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ostinato.errors import FormatError, OstinatoError, shown
from ostinato.models.base.settings import equal
from ostinato.network.tree import CARRIERS
from ostinato.options import Configured
from ostinato.plugins.registry import registry
from ostinato.signature import of_init

PLAIN: Final = (bool, int, float, str)


class NotInAFile(Exception):
    """A value that a file cannot hold."""


def plain(value: Any) -> Any:
    """A parameter as plain values; an object as the text of its repr."""
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, np.generic) and _is_plain_scalar(value):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value if value is None or isinstance(value, PLAIN) else repr(value)


def is_plain(value: Any) -> bool:
    """Whether `plain` says everything about a value."""
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and is_plain(one) for name, one in value.items())
    if isinstance(value, np.generic):
        return _is_plain_scalar(value)
    return value is None or isinstance(value, (*PLAIN, os.PathLike))


def _is_plain_scalar(value: np.generic) -> bool:
    """Whether it is a number or a text of Python too; a date is none."""
    return isinstance(value.item(), PLAIN)


def objects_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The forms of those parameters that hold objects, and that a file can hold."""
    found = {}
    for name, value in parameters.items():
        if not is_plain(value):
            try:
                form = _form(value)
                if equal(_form(made_of_form(form)), form):
                    found[name] = form
            except (NotInAFile, FormatError):
                pass
    return found


def _form(value: Any) -> Any:
    """A value as a dict that says what it is. Raises NotInAFile."""
    if isinstance(value, np.generic) and _is_plain_scalar(value):
        return {"value": value.item()}
    if value is None or isinstance(value, PLAIN):
        return {"value": value}
    if isinstance(value, np.ndarray) and value.dtype.name in CARRIERS:
        return {"value": value}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_form(one) for one in value]}
    if type(value) is dict:
        return {"pairs": [[_form(name), _form(one)] for name, one in value.items()]}
    kind = value if isinstance(value, type) else type(value)
    if not issubclass(kind, Configured) or _built_in(kind.kind, kind.name) is not kind:
        raise NotInAFile
    named = {"kind": kind.kind, "name": kind.name}
    if kind is value:
        return named
    return {**named, "options": {name: _form(one) for name, one in value.options.items()}}


def made_of_form(form: Any) -> Any:
    """The inverse of `_form`.

    Files hold forms of built-in objects alone, so a name or an option that is not here is of another release.
    Raises FormatError for those, and for values that this release refuses.
    """
    if not isinstance(form, dict):
        raise _unknown(form)
    if "kind" in form:
        kind = _built_in(form["kind"], form.get("name"))
        if kind is None:
            raise FormatError(f"this release has no {form['kind']} {shown(form.get('name'))}")
        if "options" not in form:
            return kind
        options = {name: made_of_form(one) for name, one in form["options"].items()}
        if new := _new_options(kind, options):
            raise FormatError(f"{kind.kind} {shown(kind.name)} of this release has no option {shown(new[0])}")
        try:
            return kind(**options)
        except (OstinatoError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(
                f"{kind.kind} {shown(kind.name)} has the options {shown(options)}, which this release "
                f"refuses: {error}"
            ) from error
    (name, value), *_ = [*form.items(), ("", None)]
    if name in ("list", "tuple") and isinstance(value, list):
        made = [made_of_form(one) for one in value]
        return tuple(made) if name == "tuple" else made
    if name == "pairs" and isinstance(value, list):
        return {made_of_form(key): made_of_form(one) for key, one in value}
    if name == "value":
        return value
    raise _unknown(form)


def _new_options(kind: type[Any], options: Mapping[str, Any]) -> list[str]:
    """The options that the class does not have."""
    known = of_init(kind).parameters.values()
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known):
        return []
    return [name for name in options if name not in {*(one.name for one in known), *kind.renamed}]


def _unknown(form: Any) -> FormatError:
    return FormatError(f"this release has no object of the form {shown(form)}")


def _built_in(kind: Any, name: Any) -> Any:
    """The class of a built-in name; None if there is none. No plugin is imported."""
    try:
        entries = registry.builtins(kind)
    except OstinatoError:
        return None
    factories = [entry.spec.factory for entry in entries if entry.spec.name == name]
    return factories[0] if factories and isinstance(factories[0], type) else None
