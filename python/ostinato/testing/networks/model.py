"""The subject of the checks of cells and regularizers: networks that contain it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, TypeVar

from ostinato import _core
from ostinato.errors import ConfigError, described
from ostinato.network.network import Network
from ostinato.testing.arrays import Array, near, same
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Failed, Level, at
from ostinato.threads import with_num_threads

R = TypeVar("R")
V = TypeVar("V")

# The difference of BLAS sums in batches of different rows, for results of some ten steps.
ROUNDING = {"float64": 1e-12, "float32": 1e-5}

# If a cell does not take some sizes (heads that do not divide the units, say), near ones are used.
_FURTHEST = 16


class Model(ABC):
    """A cell or a regularizer; every network has a new one."""

    noun: str
    level: Level
    calls: bool = False
    """Whether the step runs in Python."""
    exact: bool = True
    """Whether a row is bit-identical in every batch: a step in NumPy over many rows is not."""
    draws: bool = False
    """Whether noise depends on a row's place in the batch, so that the order of rows matters in training."""

    @abstractmethod
    def network(self, inputs: int, hidden: int, dtype: str = "float64") -> Network:
        """A network of one layer."""

    def alike(self, first: Mapping[str, Array], second: Mapping[str, Array], message: str) -> None:
        """Raise Failed unless the bits are equal; or the numbers, if the batch affects rounding."""
        if self.exact:
            same(first, second, message)
            return
        for name, value in first.items():
            rounding = ROUNDING[str(value.dtype)]
            near({name: value}, second, rounding, message)

    def at(self, quick: V, standard: V, thorough: V) -> V:
        """The choice for the level."""
        return at(self.level, quick, standard, thorough)

    def takes(self, inputs: int, hidden: int) -> bool:
        """Whether these sizes are supported; the cell raises ConfigError for others."""
        return self._refusal(inputs, hidden) is None

    def sizes(self, inputs: int, hidden: int) -> tuple[int, int]:
        """The supported sizes (inputs, hidden) near these: of those the class declares, or by search.

        More units first, then any sizes by distance. Raises Failed, with the error of these sizes, if none
        within reach are supported.
        """
        found: dict[tuple[int, int], tuple[int, int]] = self.__dict__.setdefault("_sizes", {})
        wanted = (inputs, hidden)
        if wanted not in found:
            found[wanted] = self._searched(inputs, hidden)
        return found[wanted]

    def _searched(self, inputs: int, hidden: int) -> tuple[int, int]:
        def distance(sizes: tuple[int, int]) -> int:
            return abs(sizes[0] - inputs) + abs(sizes[1] - hidden)

        declared = self.declared_sizes
        if declared:
            return min(declared, key=distance)
        for more in range(_FURTHEST):
            if self.takes(inputs, hidden + more):
                return inputs, hidden + more
        near = product(range(1, inputs + _FURTHEST + 1), range(1, hidden + _FURTHEST + 1))
        for sizes in sorted(near, key=distance):
            if self.takes(*sizes):
                return sizes
        raise Failed(
            f"neither {inputs} inputs and {hidden} units are taken nor any sizes near them: "
            f"{self._refusal(inputs, hidden)}. If it takes other sizes, declare them: "
            "check_sizes = [(inputs, hidden), ...]"
        )

    @property
    def declared_sizes(self) -> list[tuple[int, int]]:
        """The sizes to check with that the class declares; none by default."""
        return []

    def _refusal(self, inputs: int, hidden: int) -> str | None:
        """Why these sizes are not supported; None if they are."""
        refused: dict[tuple[int, int], str] = self.__dict__.setdefault("_refused", {})
        if (inputs, hidden) not in refused:
            try:
                self._kept(inputs, hidden, "float64")
            except ConfigError as error:
                refused[inputs, hidden] = described(error)
        return refused.get((inputs, hidden))

    def problem(
        self,
        rows: int,
        steps: int,
        inputs: int,
        near: int,
        dtype: str = "float64",
        *,
        ragged: bool = False,
        draw: int = 0,
    ) -> Problem:
        """A random problem with sizes near these, in a separate network."""
        network = copy.copy(self._kept(*self.sizes(inputs, near), dtype))
        return Problem.random(network, rows, steps, ragged=ragged, draw=draw)

    def _kept(self, inputs: int, hidden: int, dtype: str) -> Network:
        """A cached network of these sizes: tracing takes longer than most checks."""
        kept: dict[tuple[int, int, str], Network] = self.__dict__.setdefault("_networks", {})
        if (inputs, hidden, dtype) not in kept:
            kept[inputs, hidden, dtype] = self.network(inputs, hidden, dtype)
        return kept[inputs, hidden, dtype]


def pairs(owner: str, declared: Sequence[Any]) -> list[tuple[int, int]]:
    """`check_sizes` of a cell or a regularizer as pairs (inputs, hidden). Raises Failed for anything else."""
    try:
        return [(int(inputs), int(hidden)) for inputs, hidden in declared]
    except (TypeError, ValueError) as error:
        message = f"{owner}: check_sizes is {declared!r}; expected pairs (inputs, hidden)"
        raise Failed(message) from error


def with_threads(count: int, work: Callable[[], R]) -> R:
    """`work()` with this many threads of the engine, which share even the smallest work.

    The previous setting is restored afterwards.
    """
    eager = list[bool]()

    def put_back() -> None:
        if eager:
            _core.set_eager(eager[0])

    try:
        # One call sets it and keeps the old value: an error comes before it or after.
        eager.extend(map(_core.set_eager, (True,)))
        return with_num_threads(count, work)
    finally:
        try:
            put_back()
        except BaseException:  # such as Ctrl-C in the middle
            put_back()
            raise
