"""The subject of the checks of cells and regularizers: networks that contain it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from ostinato import _core
from ostinato.errors import ConfigError
from ostinato.network.network import Network
from ostinato.testing.arrays import Array, near, same
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Failed, Level, at
from ostinato.threads import get_num_threads, set_num_threads

V = TypeVar("V")

# The difference of BLAS sums in batches of different rows, for results of some ten steps.
ROUNDING = {"float64": 1e-12, "float32": 1e-5}

# If a cell does not support a hidden size (heads that do not divide it, say), a nearby one is used.
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

    def alike(self, first: Mapping[str, Array], second: Mapping[str, Array], told: str) -> None:
        """Raise Failed unless the bits are equal; or the numbers, if the batch affects rounding."""
        if self.exact:
            same(first, second, told)
            return
        for name, value in first.items():
            rounding = ROUNDING[str(value.dtype)]
            near({name: value}, second, rounding, told)

    def at(self, quick: V, standard: V, thorough: V) -> V:
        """The choice for the level."""
        return at(self.level, quick, standard, thorough)

    def takes(self, inputs: int, hidden: int) -> bool:
        """Whether these sizes are supported; the cell raises ConfigError for others."""
        try:
            self._kept(inputs, hidden, "float64")
        except ConfigError:
            return False
        return True

    def hidden(self, inputs: int, near: int) -> int:
        """The first supported hidden size starting at `near`. Raises Failed if there is none."""
        for size in range(near, near + _FURTHEST):
            if self.takes(inputs, size):
                return size
        raise Failed(f"no hidden size from {near} to {near + _FURTHEST - 1} is taken with {inputs} inputs")

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
        """A random problem with a hidden size of at least `near`, in a separate network."""
        network = copy.copy(self._kept(inputs, self.hidden(inputs, near), dtype))
        return Problem.random(network, rows, steps, ragged=ragged, draw=draw)

    def _kept(self, inputs: int, hidden: int, dtype: str) -> Network:
        """A cached network of these sizes: tracing takes longer than most checks."""
        kept: dict[tuple[int, int, str], Network] = self.__dict__.setdefault("_networks", {})
        if (inputs, hidden, dtype) not in kept:
            kept[inputs, hidden, dtype] = self.network(inputs, hidden, dtype)
        return kept[inputs, hidden, dtype]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """The engine with this many threads, which share even the smallest work.

    The previous setting is restored afterwards.
    """
    before, eager = get_num_threads(), _core.set_eager(True)
    set_num_threads(count)
    try:
        yield
    finally:
        set_num_threads(before)
        _core.set_eager(eager)
