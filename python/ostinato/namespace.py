"""The small namespaces that a step receives: `state.h`, `p.W_x`, `size.hidden`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, NoReturn, TypeVar

from ostinato.errors import TraceError, shown
from ostinato.suggest import did_you_mean

T = TypeVar("T")


class UnknownNameError(TraceError, AttributeError):
    """A name that a namespace does not have. It is an AttributeError too, so `hasattr` and `getattr` work."""


class Names(Generic[T]):
    """Read-only names with values: `p.W_x`, `p["W_x"]`, `"W_x" in p`.

    Raises UnknownNameError (a TraceError) with the closest known name, and TraceError on assignment.
    """

    __slots__ = ("_noun", "_owner", "_values")

    _owner: str
    _noun: str
    _values: dict[str, T]

    def __init__(self, owner: str, noun: str, values: Mapping[str, T]) -> None:
        """Store `values`; `owner` ("cell 'lstm'") and `noun` ("parameter") are for messages."""
        object.__setattr__(self, "_owner", owner)
        object.__setattr__(self, "_noun", noun)
        object.__setattr__(self, "_values", dict(values))

    def __getattr__(self, name: str) -> T:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> T:
        try:
            return self._values[name]
        except KeyError:
            hint = did_you_mean(name, self._values, noun="declared")
            raise UnknownNameError(f"{self._owner} has no {self._noun} {shown(name)}; {hint}") from None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TraceError(
            f"{self._owner}: {self._noun} {shown(name)} cannot be assigned inside a step; "
            f'a step returns its new states: return output, {{"{name}": value}}'
        )

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<{self._noun}s of {self._owner}: {', '.join(self._values)}>"
