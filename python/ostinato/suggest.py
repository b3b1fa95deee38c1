"""Hints for error messages about unknown names: "did you mean ...?"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from ostinato.errors import UnknownItemError, shown

T = TypeVar("T")


def closest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `name` may be a typing error of."""
    import difflib  # for errors alone

    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str], noun: str = "known names") -> str:
    """Return a hint for the unknown `name`: the closest of `known`, then all of them.

    >>> did_you_mean("sigmod", ["sigmoid", "tanh"])
    "did you mean 'sigmoid'? known names: sigmoid, tanh"

    If a name has a namespace, the part after the slash is compared too.
    """
    import difflib  # for errors alone

    names = list(known)
    if not names:
        return f"{noun}: none"
    parts = {one.rpartition("/")[2]: one for one in reversed(names)} | {one: one for one in names}
    meant = {plain(part): one for part, one in reversed(parts.items())}
    close = difflib.get_close_matches(plain(name), meant, n=1, cutoff=0.6)
    listing = f"{noun}: {', '.join(names)}"
    return f"did you mean {meant[close[0]]!r}? {listing}" if close else listing


def plain(name: str) -> str:
    """A name in lower case without separators: "MinGRU" and "min_gru" mean the same."""
    return "".join(one for one in name.lower() if one not in "_- ")


def item(noun: str, items: Mapping[Any, T], key: object, argument: str = "name", *, places: bool = True) -> T:
    """The item of this name or, with `places`, at this place; or an UnknownItemError with the names."""
    if isinstance(key, str) and key in items:
        return items[key]
    if places and isinstance(key, int) and not isinstance(key, bool) and -len(items) <= key < len(items):
        return list(items.values())[key]
    hint = did_you_mean(
        key if isinstance(key, str) else "", map(str, items), "axes" if noun == "axis" else f"{noun}s"
    )
    raise UnknownItemError(f"{argument} is {shown(key)}, which no {noun} has; {hint}")
