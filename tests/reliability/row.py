"""A row of the table of reliability figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A promise, and what was measured."""

    name: str
    """The number of the figure, such as "R8"."""
    promise: str
    figure: str
    holds: bool

    def __str__(self) -> str:
        return f"| {self.name} | {self.promise} | {self.figure}{'' if self.holds else ' **FAILS**'} |"
