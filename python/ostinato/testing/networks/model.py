"""What the checks of cells and regularizers work on: a way to make networks with the thing inside."""

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

# What the sums of a BLAS differ by in other company, for results of some ten steps.
ROUNDING = {"float64": 1e-12, "float32": 1e-5}

# A hidden size that a cell does not take (heads that do not divide it, say) gives way to one nearby.
_FURTHEST = 16


class Model(ABC):
    """A cell or a regularizer, made anew in every network."""

    noun: str
    level: Level
    calls: bool = False
    """Whether the step runs in Python."""
    exact: bool = True
    """Whether rows have their bits in any company: a step in NumPy over many rows has not."""
    draws: bool = False
    """Whether rows draw noise by their place in the batch, so that their order matters in training."""

    @abstractmethod
    def network(self, inputs: int, hidden: int, dtype: str = "float64") -> Network:
        """A network of one layer."""

    def alike(self, first: Mapping[str, Array], second: Mapping[str, Array], told: str) -> None:
        """Raise Failed unless the bits are the same; or the numbers, where other company may round anew."""
        if self.exact:
            same(first, second, told)
            return
        for name, value in first.items():
            rounding = ROUNDING[str(value.dtype)]
            near({name: value}, second, rounding, told)

    def at(self, quick: V, standard: V, thorough: V) -> V:
        """The one that belongs to the level."""
        return at(self.level, quick, standard, thorough)

    def takes(self, inputs: int, hidden: int) -> bool:
        """Whether these sizes are allowed: a cell refuses others with a ConfigError when it is made."""
        try:
            self._kept(inputs, hidden, "float64")
        except ConfigError:
            return False
        return True

    def hidden(self, inputs: int, near: int) -> int:
        """The first hidden size from `near` on that is allowed. Raises Failed when none is."""
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
        """A random problem with a hidden size at or after `near`, in a network of its own."""
        network = copy.copy(self._kept(inputs, self.hidden(inputs, near), dtype))
        return Problem.random(network, rows, steps, ragged=ragged, draw=draw)

    def _kept(self, inputs: int, hidden: int, dtype: str) -> Network:
        """A network that was made before with these sizes: tracing takes longer than most checks."""
        kept: dict[tuple[int, int, str], Network] = self.__dict__.setdefault("_networks", {})
        if (inputs, hidden, dtype) not in kept:
            kept[inputs, hidden, dtype] = self.network(inputs, hidden, dtype)
        return kept[inputs, hidden, dtype]


@contextmanager
def threads(count: int) -> Iterator[None]:
    """The engine with this many threads, which share even the smallest work.

    What was set before comes back.
    """
    before, eager = get_num_threads(), _core.set_eager(True)
    set_num_threads(count)
    try:
        yield
    finally:
        set_num_threads(before)
        _core.set_eager(eager)
