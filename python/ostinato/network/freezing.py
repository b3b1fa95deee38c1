"""Which parameters of a network are frozen.

A parameter is frozen wherever it is seen: the set belongs to the outermost network, and the networks inside
share it, as they share the arena. A layer that was frozen before it moved in stays frozen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ostinato.errors import ConfigError, shown
from ostinato.network.graph import Graph
from ostinato.patterns import matching
from ostinato.suggest import did_you_mean

_NONE: Final[frozenset[int]] = frozenset()


class _Store:
    """The offsets of frozen parameters in the arena of an outermost network. A change replaces the set."""

    def __init__(self) -> None:
        self.offsets = _NONE


class Frozen:
    """The frozen parameters of one network: `offsets` in its own arena, of `size` elements."""

    def __init__(self, size: int) -> None:
        self._store = _Store()
        self._start, self._size = 0, size

    @property
    def offsets(self) -> frozenset[int]:
        """The offset of each frozen parameter."""
        everything = self._store.offsets
        if not everything:
            return _NONE
        start, stop = self._start, self._start + self._size
        return frozenset(offset - start for offset in everything if start <= offset < stop)

    def replace(self, offsets: frozenset[int]) -> None:
        """Makes `offsets` the frozen ones."""
        before = {self._start + offset for offset in self.offsets}
        now = {self._start + offset for offset in offsets}
        self._store.offsets = frozenset(self._store.offsets - before | now)

    def move(self, outer: Frozen, start: int) -> None:
        """This network is now the part of `outer` that begins at `start`; what is frozen goes with it."""
        own = self.offsets
        self._store, self._start = outer._store, outer._start + start
        self.replace(own)


class CanFreeze:
    """Freezes and unfreezes the parameters of a network."""

    _graph: Graph
    _frozen: Frozen

    def freeze(self, *patterns: str) -> None:
        """Freezes the parameters that some pattern matches, such as `"0.*"`; without a pattern all.

        Patterns are as in `Optimizer(groups=)`. No optimizer changes a frozen parameter, and its gradient is
        not computed: `Gradients.params` does not have its name, `Gradients.arena` has zeros in its place.
        Layers inside this network see the same: `net[0].freeze()` freezes the first layer of `net`, and a
        layer that is frozen stays so when it moves into a network. Copies, pickles and model files keep it.

        Raises ConfigError for a pattern that matches nothing; then nothing is frozen.
        """
        self._frozen.replace(self._frozen.offsets | self._offsets("freeze:", patterns))

    def unfreeze(self, *patterns: str) -> None:
        """Undoes `freeze` for the parameters that some pattern matches; without a pattern for all.

        An optimizer continues with the slots that it kept for them. Parameters that are not learned
        (`Param(learned=False)`) stay frozen. Raises ConfigError for a pattern that matches nothing else.
        """
        chosen, fixed = self._offsets("unfreeze:", patterns), fixed_offsets(self._graph)
        if patterns and chosen <= fixed:
            raise ConfigError(
                f"unfreeze: {', '.join(map(repr, patterns))}: the cell declares what it matches with "
                "learned=False; expected a pattern of learned parameters"
            )
        self._frozen.replace(self._frozen.offsets - (chosen - fixed))

    @property
    def frozen(self) -> tuple[str, ...]:
        """The names of the frozen parameters, in the order of `parameters()`."""
        offsets = self._frozen.offsets
        return tuple(name for name, one in self._graph.parameters.items() if one.offset in offsets)

    def _set_frozen(self, names: Sequence[str]) -> None:
        """Makes the parameters of these names the frozen ones. Raises ConfigError for an unknown name."""
        for name in names:
            if not isinstance(name, str) or name not in self._graph.parameters:
                hint = did_you_mean(str(name), self._graph.parameters, "parameters")
                raise ConfigError(f"frozen has {shown(name)}; {hint}")
        named = frozenset(self._graph.parameters[name].offset for name in names)
        self._frozen.replace(named | fixed_offsets(self._graph))

    def _offsets(self, owner: str, patterns: Sequence[object]) -> frozenset[int]:
        """The offsets of the parameters that some pattern matches; without a pattern all."""
        names = list(self._graph.parameters)
        if patterns:
            names = matching(owner, patterns, names, self._graph.aliases)
        return frozenset(self._graph.parameters[name].offset for name in names)


def fixed_offsets(graph: Graph) -> frozenset[int]:
    """The offsets of the parameters that are not learned."""
    return frozenset(one.offset for one in graph.parameters.values() if not one.param.learned)


def frozen_ranges(graph: Graph, offsets: frozenset[int]) -> list[tuple[int, int]]:
    """(start, stop) of each frozen parameter in the arena."""
    own = (one for one in graph.parameters.values() if one.offset in offsets)
    return [(one.offset, one.offset + one.size) for one in own]
