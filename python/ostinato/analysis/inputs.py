"""The inputs of a network in the core's form: sequences, and values of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class Inputs:
    """Sequences (N, T, F) or (N, T) ids, and values of rows (N, F) or (N,) ids, in the order of the network.

    `along` says which are sequences.
    """

    arrays: tuple[Array, ...]
    along: tuple[bool, ...]

    @property
    def core(self) -> list[Array]:
        """What the core takes."""
        return [np.ascontiguousarray(array) for array in self.arrays]

    @property
    def rows(self) -> int:
        """N."""
        return len(self.arrays[0])

    @property
    def steps(self) -> int:
        """T."""
        first = self.along.index(True)
        return int(self.arrays[first].shape[1])

    def part(self, start: int, stop: int) -> Inputs:
        """The steps from `start` to `stop`."""
        return self._changed(lambda array, along: array[:, start:stop] if along else array)

    def take(self, rows: Array | slice | Sequence[int]) -> Inputs:
        """Some rows."""
        return self._changed(lambda array, along: array[rows])

    def repeated(self, count: int) -> Inputs:
        """Each row so many times, side by side."""
        return self._changed(lambda array, along: np.repeat(array, count, axis=0))

    def held(self, steps: int) -> Inputs:
        """A single step so many times."""
        return self._changed(lambda array, along: np.repeat(array, steps, axis=1) if along else array)

    def single_steps(self) -> Inputs:
        """Each step of each row as a row of one step, N T rows in all."""
        count = self.steps
        return self._changed(
            lambda array, along: (
                array.reshape(-1, 1, *array.shape[2:]) if along else np.repeat(array, count, axis=0)
            )
        )

    def _changed(self, change: Callable[[Array, bool], Array]) -> Inputs:
        made = (change(array, along) for array, along in zip(self.arrays, self.along, strict=True))
        return Inputs(tuple(made), self.along)
