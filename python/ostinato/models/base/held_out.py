"""The rows that `fit` holds out for early stopping: chosen so that nothing leaks into training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np

from ostinato.errors import ConfigError, ShapeError
from ostinato.sequences.arrays import Array, as_array

ENOUGH: Final = 1000
"""With early_stopping="auto", rows are held out from this many on: fewer are too few to measure by."""


Parts: TypeAlias = tuple[Array, Array] | None
"""The places of training rows and of held-out rows; None if no row is held out."""
Divide: TypeAlias = Callable[[int], Parts]
"""The parts of so many rows."""

T = TypeVar("T")


def of_training(rows: Sequence[T], parts: Parts) -> list[T]:
    """The rows of the training part."""
    return list(rows) if parts is None else [rows[n] for n in parts[0]]


def split(
    owner: str, count: int, fraction: float, seed: int, labels: Array | None = None, groups: Any = None
) -> tuple[Array, Array]:
    """Places of training rows and of held-out rows, each in order.

    labels: (count,) class numbers; each class has its share of the held-out rows, and at least one training
    row. groups: (count,) of anything; the rows of a group stay together. Raises ConfigError, ShapeError.
    """
    random = np.random.default_rng([seed, 0x5EED])
    wanted = max(1, round(fraction * count))
    if groups is not None:
        held = _by_group(owner, as_array("groups", groups), count, wanted, random)
    elif labels is not None:
        held = _by_label(labels, fraction, wanted, random)
    else:
        held = random.permutation(count)[:wanted]
    chosen = np.zeros(count, bool)
    chosen[held] = True
    if chosen.all() or not chosen.any():
        raise ConfigError(
            f"{owner}: {count} rows are too few to hold out {fraction:g} of them; expected more rows, or "
            "early_stopping=False"
        )
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _by_group(owner: str, groups: Array, count: int, wanted: int, random: np.random.Generator) -> Array:
    if groups.shape != (count,):
        raise ShapeError(f"{owner}: groups is {groups.shape}; expected ({count},), one for each row of X")
    wrong = next((n for n, one in enumerate(groups.tolist()) if one is None or one != one), None)
    if wrong is not None:
        raise ConfigError(
            f"{owner}: groups[{wrong}] is {groups.tolist()[wrong]}; expected a group of each row"
        )
    try:
        names, numbers = np.unique(groups, return_inverse=True)
    except TypeError as error:
        raise ConfigError(
            f"{owner}: groups holds names of types that have no order ({error}); expected texts or numbers"
        ) from error
    if len(names) < 2:
        raise ConfigError(f"{owner}: groups has one group; expected at least 2, so that one can be held out")
    sizes = np.bincount(numbers)
    taken: list[int] = []
    total = 0
    for group in random.permutation(len(names))[: len(names) - 1]:
        if total >= wanted:
            break
        taken.append(int(group))
        total += int(sizes[group])
    return np.flatnonzero(np.isin(numbers, taken))


def _by_label(labels: Array, fraction: float, wanted: int, random: np.random.Generator) -> Array:
    """Largest remainders: the shares of the classes add up to `wanted` where each keeps a training row."""
    places = [random.permutation(np.flatnonzero(labels == one)) for one in range(int(labels.max()) + 1)]
    shares = np.array([fraction * len(one) for one in places])
    counts = np.floor(shares).astype(int)
    for one in np.argsort(counts - shares, kind="stable")[: max(0, wanted - int(counts.sum()))]:
        counts[one] += 1
    counts = np.minimum(counts, [max(0, len(one) - 1) for one in places])
    return np.concatenate([one[:most] for one, most in zip(places, counts, strict=True)])
