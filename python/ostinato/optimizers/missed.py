"""How many steps a parameter missed while it was frozen: its equation counts the steps that it took.

Adam divides by 1 - beta^count, for example. With the count of all steps, a parameter whose running means
start late would take its first steps several times too long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ostinato.arena_view import Ranges, ranges_between
from ostinato.errors import ConfigError, shown
from ostinato.optimizers.arrays import Entry

Frozen = Iterable[Any]
"""Names of parameters, or (start, stop) of ranges of an arena."""


class Missed:
    """The steps that frozen parameters missed, by name, or by range of an arena."""

    def __init__(self, counts: dict[Any, int] | None = None) -> None:
        self._counts: dict[Any, int] = dict(counts or {})

    def __bool__(self) -> bool:
        return bool(self._counts)

    def of(self, entry: Entry) -> int:
        """The steps that the parameter of `entry`, or its part of an arena, missed."""
        key: str | tuple[int, int] = entry.place or entry.name
        return self._counts.get(key, 0)

    def after(self, frozen: Frozen) -> Missed:
        """These counts after one more step in which `frozen` took no part."""
        counts = dict(self._counts)
        for key in sorted(frozen, key=repr):  # a set, whose order differs between processes
            counts[key] = counts.get(key, 0) + 1
        return Missed(counts)

    def parts(self, entry: Entry, frozen: Frozen, padding: Ranges = ()) -> list[Entry]:
        """The entry of an arena as entries for what is neither frozen nor padding.

        Each of them has one count of missed steps.
        """
        known = [key for key in self._counts if isinstance(key, tuple)]
        late = sorted(set(known) - set(frozen))
        rest = ranges_between(len(entry.param), {*known, *frozen, *padding})
        return [_part(entry, place) for place in sorted([*late, *rest])]

    def record(self) -> list[list[Any]]:
        """The counts as plain values, which `read` takes back."""
        return [[list(key) if isinstance(key, tuple) else key, count] for key, count in self._counts.items()]

    @classmethod
    def read(cls, owner: str, record: Sequence[Sequence[Any]]) -> Missed:
        """What `record` wrote. Raises ConfigError for anything else."""
        try:
            counts = {
                key if isinstance(key, str) else (int(key[0]), int(key[1])): int(n) for key, n in record
            }
        except (TypeError, ValueError, IndexError):
            raise ConfigError(
                f"{owner}: the state has {shown(record)} as missed; expected what state_dict() returned"
            ) from None
        return cls(counts)


def _part(entry: Entry, place: tuple[int, int]) -> Entry:
    start, stop = place
    slots = {slot: one[start:stop] for slot, one in entry.slots.items()}
    return Entry(entry.name, entry.param[start:stop], entry.grad[start:stop], slots, entry.forms, place)
