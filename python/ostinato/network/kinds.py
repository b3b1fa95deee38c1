"""The kinds of networks that a model file may name. A class registers itself when it is defined.

So the reader of model files needs no table of layers, and a new layer needs no entry in one, unless its
module is imported at first use: then the room of the layer registers how.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ostinato.errors import ConfigError, shown
from ostinato.suggest import did_you_mean

_KINDS: Final[dict[str, type[Any]]] = {}
_LATER: Final[dict[str, Callable[[], type[Any]]]] = {}
"""What imports a kind that `import ostinato` does not import."""


def register_kind(kind: str, made: type[Any]) -> None:
    """Registers the class `made` as `kind` in model files.

    A class that is defined again, as in a notebook, replaces the old one. Raises ConfigError if another class
    has the name.
    """
    other = _KINDS.get(kind)
    if other is not None and _place(other) != _place(made):
        raise ConfigError(
            f"{_place(made)}: kind is {shown(kind)}, which names {_place(other)} in model files; expected "
            "another "
            "name, or none, which keeps the kind of the base class"
        )
    _KINDS[kind] = made


def register_later(kind: str, load: Callable[[], type[Any]]) -> None:
    """Registers `load`, which imports the class of a kind when a model file names it."""
    _LATER[kind] = load


def class_of(kind: str) -> type[Any] | None:
    """The class with this kind in model files; None if there is none."""
    if kind not in _KINDS and kind in _LATER:
        return _LATER[kind]()
    return _KINDS.get(kind)


def kind_hint(kind: str) -> str:
    """The end of a message about an unknown kind."""
    known = sorted({*_KINDS, *_LATER})
    return f"{did_you_mean(kind, known, 'kinds')}; import the package that defines it before loading"


def _place(made: type[Any]) -> str:
    return f"{made.__module__}.{made.__qualname__}"
