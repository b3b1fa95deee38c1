"""Flags for the parameters of an estimator, made from its signature, its types and its docstring."""

from __future__ import annotations

import argparse
import collections.abc
import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from ostinato.models.base.model_file import ModelFile

LEFT_OUT: Final = frozenset(("random_state", "verbose", "warm_start"))
"""Parameters without a flag of their name: --seed and --quiet set two of them; a command fits once."""

PREFIX: Final = "parameter "
"""Before the names in the namespace, so that none of them meets another flag."""

WORDS: Final = {"none": None, "true": True, "false": False}


def add_parameter_flags(
    parser: Any, kind: type[ModelFile], defaults: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Adds `--hidden-size`, `--cell` and so on: a flag for each parameter that a text can hold.

    parser: of argparse, or a group of one. defaults: shown instead of those of the estimator.
    """
    types_of, texts = get_type_hints(kind), documented(kind)
    for name, one in inspect.signature(kind).parameters.items():
        annotation = types_of.get(name, Any)
        if name in LEFT_OUT or _origin(annotation) is collections.abc.Mapping:
            continue
        text = texts.get(name, "").replace("%", "%%")
        help = f"{text} (default: {_written(defaults.get(name, one.default))})".lstrip()
        options: dict[str, Any] = {"dest": PREFIX + name, "default": argparse.SUPPRESS, "help": help}
        flag = f"--{name.replace('_', '-')}"
        if annotation is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, **options)
        else:
            read, kind_of_value = reader(annotation)
            parser.add_argument(flag, type=read, metavar=kind_of_value, **options)


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The parameters that were given, by name."""
    return {
        name.removeprefix(PREFIX): value for name, value in vars(options).items() if name.startswith(PREFIX)
    }


def reader(annotation: Any) -> tuple[Callable[[str], Any], str]:
    """The function that reads a value of such a type from a text, and a word for the value."""
    if _origin(annotation) is collections.abc.Sequence:
        (element,) = get_args(annotation)
        of_element, word = reader(element)
        return lambda text: _listed(text, of_element), f"{word},..."
    kinds = {Any} if annotation is Any else set(_alternatives(annotation))
    anything = Any in kinds
    numbers = [one for one in (int, float) if anything or one in kinds]
    words = {text: value for text, value in WORDS.items() if anything or type(value) in kinds}
    texts = anything or str in kinds
    word = "NAME" if anything else "TEXT" if texts and not numbers else "NUMBER"

    def read(text: str) -> Any:
        for one in numbers:
            try:
                return one(text)
            except ValueError:
                continue
        if text.lower() in words:
            return words[text.lower()]
        if texts:
            return text
        names = " or ".join([{int: "a whole number", float: "a number"}[one] for one in numbers] + [*words])
        raise argparse.ArgumentTypeError(f"{text!r}; expected {names}")

    return read, word


def _listed(text: str, read: Callable[[str], Any]) -> list[Any]:
    """The elements between commas; none of "none"."""
    return [] if text.strip().lower() == "none" else [read(one.strip()) for one in text.split(",")]


def documented(kind: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say of each argument, the class itself first."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", inspect.cleandoc(one.__doc__ or ""), re.M | re.S)
        for names, text in re.findall(
            r"^    (\w[\w, ]*): (.*?)(?=^    \w|\Z)", section[1] if section else "", re.M | re.S
        ):
            found.update(dict.fromkeys(names.split(", "), " ".join(text.split())))
    return found


def _alternatives(annotation: Any) -> Sequence[Any]:
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else [annotation]


def _origin(annotation: Any) -> Any:
    """The generic type of an annotation; of `X | None` that of X."""
    parts = [one for one in _alternatives(annotation) if one is not type(None)]
    return get_origin(parts[0]) if len(parts) == 1 else None


def _written(value: Any) -> str:
    """A default as one would write it on the command line."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if value is None or isinstance(value, bool) else f"{value}"
