"""The gradients of batches that wait for an update: one update for the rows of several batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.strategy import Slopes

# Two ratios of counts, each a quotient of sums of weights in float64.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Gathered:
    """The sum of the gradients of some batches. It is replaced as a whole, never changed.

    batches: how many; counts: by output, their valid steps; arena: the sum of the gradients, times the counts
    where losses are means; penalty: the sum of the penalties, in the same way.
    """

    batches: int
    counts: dict[str, float]
    arena: NDArray[Any]
    penalty: float

    def plus(self, other: Gathered) -> Gathered:
        """These batches and others. Writes the sum into the arena of `other`.

        Raises ConfigError where the mean over all is not made of the means, ShapeError for other arenas.
        """
        if other.arena.shape != self.arena.shape or other.arena.dtype != self.arena.dtype:
            raise ShapeError(
                f"accumulate: the gradients are {other.arena.shape} ({other.arena.dtype}); expected "
                f"{self.arena.shape} ({self.arena.dtype}), as of the batches before"
            )
        other.arena[...] += self.arena
        counts = {name: count + other.counts[name] for name, count in self.counts.items()}
        return Gathered(self.batches + other.batches, counts, other.arena, self.penalty + other.penalty)


def gathered_of(grads: Slopes, counts: Mapping[str, float], summed: bool) -> Gathered:
    """One batch. Scales its gradients in place: a mean over valid steps becomes a sum.

    Raises ConfigError for a penalty where losses are sums: several batches would have it several times.
    """
    if summed and grads.penalty:
        raise ConfigError(
            "accumulate: reduction is 'sum', and the loss has a penalty, which each batch would add again; "
            "use reduction='mean'"
        )
    scale = 1.0 if summed else _first(counts)
    if scale != 1.0:
        grads.arena[...] *= scale
    return Gathered(1, dict(counts), np.asarray(grads.arena), grads.penalty * scale)


def check_ratios(waiting: Gathered, counts: Mapping[str, float]) -> None:
    """Raises ConfigError unless the outputs have valid steps in the same ratios as in the batches before.

    The mean over the rows of several batches is the weighted mean of theirs: with one weight for a batch only
    if all outputs agree on it.
    """
    first = next(iter(counts))
    for name, count in counts.items():
        ours, theirs = count * waiting.counts[first], counts[first] * waiting.counts[name]
        if abs(ours - theirs) > _ROUNDING * max(abs(ours), abs(theirs)):
            raise ConfigError(
                f"accumulate: the outputs {shown(first)} and {shown(name)} have {counts[first]:g} and "
                f"{count:g} valid steps in this batch, {waiting.counts[first]:g} and "
                f"{waiting.counts[name]:g} in those before; means over several batches need equal ratios: "
                "use reduction='sum'"
            )


def finish(waiting: Gathered, grads: Slopes, summed: bool) -> float:
    """Make `grads`, whose arena is the sum, the gradients of one batch with all rows; return its penalty."""
    count = _first(waiting.counts)
    scale = 1.0 if summed else 1.0 / count if count else 0.0
    if scale != 1.0:
        grads.arena[...] *= scale
    return waiting.penalty * scale


def _first(counts: Mapping[str, float]) -> float:
    """The count of the first output, by which a batch is weighted."""
    return next(iter(counts.values()), 0.0)
