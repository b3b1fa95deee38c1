"""One random program and how it is run: rows, steps, resets, masks, regularizers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ostinato as ost
from tests.oracle.generate import recipe as random_recipe
from tests.oracle.recipe import Recipe
from tests.oracle.reference import Floats

REGULARIZERS: dict[str, Any] = {
    "Dropout(0.3)": lambda: ost.Dropout(0.3),
    "VariationalDropout(0.4)": lambda: ost.VariationalDropout(0.4),
    "RecurrentDropout(0.3)": lambda: ost.RecurrentDropout(0.3),
    "WeightDrop(0.3)": lambda: ost.WeightDrop(0.3),
    "Zoneout(0.3)": lambda: ost.Zoneout(0.3),
    "SkipConnection(0.5)": lambda: ost.SkipConnection(0.5),
    "LayerNorm()": lambda: ost.LayerNorm(),
    "ActivationPenalty(0.2)": lambda: ost.ActivationPenalty(0.2),
    "TemporalActivationPenalty(0.3)": lambda: ost.TemporalActivationPenalty(0.3),
    "L2(0.1)": lambda: ost.L2(0.1),
}


class Mismatch(Exception):
    """The engine and the reference differ."""


class Places:
    """Where the steps of a case are in the arrays of the engine: among masked steps, if the case has some."""

    def __init__(self, case: Case) -> None:
        rng = np.random.default_rng([case.seed, 17])
        self.steps = case.steps + case.masked
        self.rows = [
            np.sort(rng.choice(self.steps, length, replace=False)) if case.masked else np.arange(length)
            for length in case.lengths
        ]
        self.resets = np.zeros((len(case.lengths), self.steps), bool)
        for row, t in case.resets:
            # a reset at a masked step starts a sequence at the next step that is not masked
            first = self.rows[row][t - 1] + 1 if t else 0
            self.resets[row, rng.integers(first, self.rows[row][t] + 1)] = True
        self.mask: NDArray[np.bool_] | None = None
        if case.masked:
            self.mask = np.zeros((len(case.lengths), self.steps), bool)
            for row, place in enumerate(self.rows):
                self.mask[row, place] = True

    def spread(self, array: Floats) -> Floats:
        """An array (N, T, ...) of the case as the engine gets it, with NaN at masked steps."""
        if self.mask is None:
            return array
        made = np.full((len(array), self.steps, *array.shape[2:]), np.nan)
        for row, place in enumerate(self.rows):
            made[row, place] = array[row, : len(place)]
        return made

    def gathered(self, array: Floats, steps: int) -> Floats:
        """A result (N, T, ...) at the steps of the case. Raises Mismatch unless masked steps are 0."""
        if self.mask is None:
            return array
        if array[~self.mask].any():
            raise Mismatch("a result at a masked step is not 0")
        made = np.zeros((len(array), steps, *array.shape[2:]))
        for row, place in enumerate(self.rows):
            made[row, : len(place)] = array[row, place]
        return made


@dataclass(frozen=True)
class Case:
    """A recipe, how it is run, and the seed of all numbers."""

    recipe: Recipe
    seed: int
    lengths: tuple[int, ...]
    steps: int
    bidirectional: bool = False
    regularizers: tuple[str, ...] = ()
    resets: tuple[tuple[int, int], ...] = ()
    k1: int = 1
    k2: int = 1
    masked: int = 0
    """How many masked steps the engine has besides: the steps of a row lie somewhere among them."""

    @classmethod
    def random(cls, seed: int) -> Case:
        """The case of a seed."""
        rng = random.Random(~seed)
        if rng.random() < 0.15:  # several blocks of time: few rows with many steps among many without
            steps, rows = rng.randint(18, 36), rng.choice([16, 32])
            lengths = [0] * rows
            for _ in range(rng.randint(1, 4)):
                lengths[rng.randrange(rows)] = rng.randint(1, steps)
            lengths[rng.randrange(rows)] = steps
        else:
            steps, rows = rng.randint(1, 6), rng.randint(1, 4)
            lengths = [rng.choice([steps, rng.randint(0, steps)]) for _ in range(rows)]
        marks = []
        if rng.random() < 0.4:
            marks = [(n, t) for n, length in enumerate(lengths) for t in range(length) if rng.random() < 0.3]
        k1 = rng.randint(1, max(1, steps // 2))
        recipe = random_recipe(seed)
        chosen = rng.sample(list(REGULARIZERS), rng.randint(1, 2)) if rng.random() < 0.25 else []
        return cls(
            recipe,
            seed,
            tuple(lengths),
            steps,
            bidirectional=rng.random() < 0.2,
            regularizers=tuple(name for name in chosen if applies(name, recipe)),
            resets=tuple(marks),
            k1=k1,
            k2=rng.randint(k1, steps + 1) if steps >= k1 else k1,
            masked=rng.randint(1, 4) if rng.random() < 0.3 else 0,
        )

    def smaller(self) -> Iterator[Case]:
        """Cases with one thing less, what helps a reader most first."""
        if self.regularizers:
            yield replace(self, regularizers=())
            yield from (replace(self, regularizers=(one,)) for one in self.regularizers)
        if self.masked:
            yield replace(self, masked=0)
        if self.bidirectional:
            yield replace(self, bidirectional=False)
        if self.resets:
            yield replace(self, resets=())
            yield from (
                replace(self, resets=tuple(r for r in self.resets if r != one)) for one in self.resets
            )
        for row in range(len(self.lengths)):
            if len(self.lengths) > 1:
                marks = tuple((n - (n > row), t) for n, t in self.resets if n != row)
                yield replace(self, lengths=self.lengths[:row] + self.lengths[row + 1 :], resets=marks)
        for steps in range(1, self.steps):
            marks = tuple((n, t) for n, t in self.resets if t < min(steps, self.lengths[n]))
            lengths = tuple(min(length, steps) for length in self.lengths)
            yield replace(self, steps=steps, lengths=lengths, resets=marks)
        for k1, k2 in ((1, 1), (self.k1, self.k1)):
            if (k1, k2) != (self.k1, self.k2):
                yield replace(self, k1=k1, k2=k2)
        yield from (replace(self, recipe=one) for one in self.recipe.smaller())

    def __str__(self) -> str:
        parts = [f"seed {self.seed}, lengths={list(self.lengths)} of {self.steps} steps"]
        if self.resets:
            parts.append(f"resets at (row, step) {list(self.resets)}")
        if self.masked:
            parts.append(f"{self.masked} masked steps")
        if self.bidirectional:
            parts.append("bidirectional")
        if self.regularizers:
            parts.append(f"regularizers {', '.join(self.regularizers)}")
        return f"{self.recipe}\n# {'; '.join(parts)}; TruncatedBPTT({self.k1}, {self.k2})"


def applies(regularizer: str, recipe: Recipe) -> bool:
    """Whether there is something in the cell that the regularizer can change; it refuses others."""
    try:
        ost.Recurrent(recipe.cell(), recipe.inputs, 1, regularizers=[REGULARIZERS[regularizer]()])
    except ost.OstinatoError:
        return False
    return True
