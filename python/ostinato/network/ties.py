"""Tied parameters: a layer that computes with a parameter of another layer has no place of its own for it.

The layer with the parameter may come before or after the layer that is tied to it, so offsets are filled in
when the graph is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ostinato.errors import ConfigError, shown

UNKNOWN = -1
"""The offset of a tied parameter before it is found."""


@dataclass(frozen=True)
class Tie:
    """Parameter `position` of an operation, named `alias`, is the table of the layer with the id `owner`."""

    operation: int
    position: int
    alias: str
    owner: int
    label: str


@dataclass
class Ties:
    """The ties of a graph, and the tables of its layers."""

    tables: dict[int, str] = field(default_factory=dict)
    """id of a layer -> the name of the parameter that others may be tied to."""
    ties: list[Tie] = field(default_factory=list)

    def found(self) -> list[tuple[Tie, str]]:
        """Each tie whose layer is in the graph, and the name of its parameter."""
        return [(tie, self.tables[tie.owner]) for tie in self.ties if tie.owner in self.tables]

    def aliases(self) -> dict[str, list[str]]:
        """Name of a parameter -> the other names that it has through ties."""
        names: dict[str, list[str]] = {}
        for tie, name in self.found():
            if tie.alias not in names.setdefault(name, []):
                names[name].append(tie.alias)
        return names

    def places(self) -> Mapping[int, int]:
        """id of a layer that others are tied to -> its number, in the order of the ties."""
        owners = dict.fromkeys(tie.owner for tie, _ in self.found())
        return {owner: number for number, owner in enumerate(owners)}

    def check(self) -> None:
        """Raises ConfigError for a tie to a layer that is not in the graph."""
        for tie in self.ties:
            if tie.owner not in self.tables:
                raise ConfigError(
                    f"{tie.label} is tied to a layer that is not in this network, so {shown(tie.alias)} "
                    "has no "
                    "values; put both layers into one Sequential or Graph, and run that"
                )
