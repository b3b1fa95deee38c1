"""Short reprs: settings as they are given, data by type and size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ostinato.errors import shown

LONGEST: Final = 4
"""The most elements of a list that are shown themselves."""
MOST: Final = 8
"""The same of a dict."""


def brief(value: object) -> str:
    """An array by its type and shape, a long list or dict by its length; anything else as its repr."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is not None and shape:
        return f"{dtype} ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    if isinstance(value, Mapping):
        if len(value) > MOST:
            return f"dict of {len(value)}"
        return f"{{{', '.join(f'{shown(name)}: {brief(one)}' for name, one in value.items())}}}"
    if isinstance(value, (list, tuple)) and (len(value) > LONGEST or any(map(_is_data, value))):
        return f"{type(value).__name__} of {len(value)}"
    return shown(value)


def call(owner: object, *parts: object, **settings: object) -> str:
    """`Owner(part, name=value)`, without the settings that are None."""
    given = (f"{name}={brief(value)}" for name, value in settings.items() if value is not None)
    return f"{type(owner).__name__}({', '.join([*map(brief, parts), *given])})"


def _is_data(value: Any) -> bool:
    return bool(getattr(value, "shape", None)) or isinstance(value, (list, tuple))
