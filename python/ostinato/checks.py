"""Checks of hyper-parameters: errors name the argument, and are raised before anything is changed."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, Final

from ostinato.errors import ConfigError, DTypeError, shown

# Of features, rows, steps or threads: no machine has more.
LARGEST_COUNT: Final = 2**31 - 1
# Of anything, such as a seed.
LARGEST_WHOLE: Final = 2**64 - 1
# Of a weight or a target: the product of two of them stays finite in float32; of two weights, also above 0.
SMALLEST_WEIGHT: Final = 1e-18
LARGEST_FACTOR: Final = 1e18
# Bytes of the name of a file.
LONGEST_NAME: Final = 255


def number(
    owner: str,
    name: str,
    value: object,
    *,
    at_least: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a float, or raise a ConfigError that names `owner` and the argument `name`.

    The value must be finite, and inside the given limits: `at_least` is inclusive, `above` and `below` are
    not.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected a finite number")
    if at_least is not None and result < at_least:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected at least {at_least:g}")
    if above is not None and result <= above:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected more than {above:g}")
    if below is not None and result >= below:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected less than {below:g}")
    return result


def weight(owner: str, name: str, value: object) -> float:
    """Return `value` as a float that is 0 or a size that float32 holds, or raise a ConfigError."""
    found = number(owner, name, value, at_least=0)
    if found and not SMALLEST_WEIGHT <= found <= LARGEST_FACTOR:
        raise ConfigError(
            f"{owner}: {name} is {shown(value)}; expected 0, or {SMALLEST_WEIGHT:g} to {LARGEST_FACTOR:g}"
        )
    return found


def whole(owner: str, name: str, value: object, *, at_least: int, at_most: int = LARGEST_WHOLE) -> int:
    """Return `value` as an int of at least `at_least`, or raise a ConfigError that names the argument."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < at_least:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected an integer of at least {at_least}")
    if int(value) > at_most:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected at most {at_most}")
    return int(value)


def count(owner: str, name: str, value: object, *, at_least: int) -> int:
    """The same for a count of the core, which is at most 2**31 - 1."""
    return whole(owner, name, value, at_least=at_least, at_most=LARGEST_COUNT)


def flag(owner: str, name: str, value: object) -> bool:
    """Return `value` if it is True or False, or raise a ConfigError that names the argument."""
    if not isinstance(value, bool):
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected True or False")
    return value


def choice(owner: str, name: str, value: object, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of `choices`, or raise a ConfigError that lists them."""
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected one of {', '.join(choices)}")
    return value


def text(owner: str, name: str, value: object, *, empty: bool = False) -> str:
    """Return `value` if it is a text, which may be empty or not; or raise a ConfigError that names it."""
    if not isinstance(value, str) or not (value or empty):
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected a text")
    return value


def path(name: str, value: object) -> str:
    """Return a text or a Path as a text, or raise a DTypeError or ConfigError that names the argument."""
    if not isinstance(value, (str, os.PathLike)):
        raise DTypeError(f"{name} is {shown(value)}; expected a text or a Path")
    found = os.fspath(value)
    if not isinstance(found, str) or not found or "\0" in found:
        raise ConfigError(f"{name} is {shown(value)}; expected the name of a file")
    try:
        os.fsencode(found)
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"{name} is {shown(value)}, which no file can be called: {error}; expected other characters"
        ) from error
    return found


def file_name(name: str, value: object) -> str:
    """The same of a file to write: the name of a folder, and a link to nothing, are a ConfigError too."""
    found = path(name, value)
    if not os.path.basename(found):
        raise ConfigError(f"{name} is {shown(value)}, the name of a folder; expected that of a file in it")
    if os.path.islink(found) and not os.path.exists(found):
        raise ConfigError(
            f"{name} is {shown(value)}, a link to {shown(os.readlink(found))}, which is not there; expected "
            "another name"
        )
    return found


def path_to_write(name: str, value: object, *, replaced: bool = True) -> str:
    """The same of a file that will be written: what makes that impossible now is a ConfigError too.

    replaced: a new file is written in its folder, of a link in that of the target, and renamed, so it is a
    regular file or none. Otherwise the file itself is opened, and may also be a pipe or a device. Nothing is
    written: where a file is new, a file that has no name is opened and closed.
    """
    import tempfile  # few programs write

    found = file_name(name, value)
    folder, last = os.path.split(found)
    folder = folder or os.curdir

    def wrong(what: str, instead: str) -> ConfigError:
        return ConfigError(f"{name} is {shown(value)}{what}; expected {instead}")

    if not os.path.isdir(folder):
        raise wrong(f", but there is no folder {shown(folder)}", "a folder that exists")
    if (size := len(os.fsencode(last))) > LONGEST_NAME:
        raise wrong(f", a name of {size} bytes", f"at most {LONGEST_NAME}")
    if os.path.isdir(found):
        raise wrong(", which is a folder", "the name of a file in it")
    if replaced and os.path.exists(found) and not os.path.isfile(found):
        raise wrong(", which is a pipe, a socket or a device", "the name of a file")
    if not replaced and os.path.exists(found):
        # of the user by whose rights a file is opened
        if not os.access(found, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise wrong(", which cannot be written", "a file that can be, or another name")
        return found
    owner = "the folder of its target" if os.path.islink(found) else "its folder"
    try:
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(found))):
            pass
    except OSError as error:
        raise wrong(f", but {owner} cannot be written: {error}", "another folder") from error
    return found


def mapping(owner: str, name: str, value: object, expected: str) -> Mapping[Any, Any]:
    """Return `value` if it is a mapping, or raise a DTypeError that says what is expected."""
    if not isinstance(value, Mapping):
        raise DTypeError(f"{owner}: {name} is {shown(value)}; expected {expected}")
    return value


def function(owner: str, name: str, value: object, arguments: str) -> Callable[..., Any]:
    """Return `value` if it can be called, or raise a DTypeError that gives the `arguments`."""
    if not callable(value) or isinstance(value, type):
        raise DTypeError(f"{owner}: {name} is {shown(value)}; expected a function {arguments}")
    return value


def shape(owner: str, name: str, value: object) -> tuple[int, ...]:
    """Return sizes as a tuple of ints, or raise a ConfigError; one size may be -1."""
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{owner}: {name} is {shown(value)}; expected a tuple of integers")
    for one in value:
        count(owner, name, one, at_least=-1)
    return tuple(value)


def by_type(owner: str, name: str, annotation: str, value: object) -> None:
    """Checks an argument by its annotation, if that is one of the simple types; any other value passes."""
    for kind in (one.strip() for one in annotation.split("|")):
        if kind not in _BY_TYPE:
            return
    kinds = [one.strip() for one in annotation.split("|")]
    if value is None and "None" in kinds:
        return
    errors = []
    for kind in kinds:
        try:
            _BY_TYPE[kind](owner, name, value)
            return
        except (ConfigError, DTypeError) as error:
            errors.append(error)
    raise errors[0]


_BY_TYPE: Final[Mapping[str, Callable[[str, str, object], object]]] = {
    "None": lambda owner, name, value: text(owner, name, None),
    "bool": flag,
    "float": number,
    "int": lambda owner, name, value: whole(owner, name, value, at_least=-LARGEST_COUNT),
    "str": text,
    "Sequence[int]": shape,
}
