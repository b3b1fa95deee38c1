"""Rewards of sequences: the built-in ones, and the call of any reward with its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostinato import ConfigError, DTypeError, NonFiniteError, OstinatoError, ShapeError
from ostinato.metrics import edits

Reward = Callable[[NDArray[np.int64], NDArray[np.int64], Sequence[NDArray[Any]]], Any]
"""(ids (M, L), lengths (M,), targets) -> (M,) numbers; a larger one is better."""


def exact(ids: Any, lengths: Any, targets: Any) -> NDArray[np.float64]:
    """1 for a sequence that equals its target, else 0."""
    found = [
        length == len(target) and (row[:length] == target).all()
        for row, length, target in zip(ids, lengths, targets, strict=True)
    ]
    return np.array(found, np.float64)


def edit(ids: Any, lengths: Any, targets: Any) -> NDArray[np.float64]:
    """Minus the edit distance to the target (Levenshtein 1966), divided by the length of the target.

    Insertions, deletions and substitutions cost 1 each. An empty target counts as one of length 1.
    """
    distances = [
        edits(row[:length], target) / max(len(target), 1)
        for row, length, target in zip(ids, lengths, targets, strict=True)
    ]
    return -np.array(distances, np.float64)


NAMED: Final[Mapping[str, Reward]] = {"edit": edit, "exact": exact}


def reward_of(owner: str, given: Any) -> Reward:
    """The reward of a name or a function. Raises ConfigError, DTypeError."""
    if isinstance(given, str):
        if given not in NAMED:
            raise ConfigError(
                f"{owner}: reward is {given!r}; expected one of {', '.join(map(repr, NAMED))}, or a function "
                "(ids, lengths, targets) -> (M,) numbers"
            )
        return NAMED[given]
    if not callable(given):
        raise DTypeError(
            f"{owner}: reward is {given!r}; expected a function (ids, lengths, targets) -> (M,) numbers"
        )
    chosen: Reward = given
    return chosen


def rewards(
    owner: str, reward: Reward, tokens: Sequence[NDArray[np.int64]], targets: Sequence[NDArray[Any]]
) -> NDArray[np.float64]:
    """The reward of each sequence, (M,), by one call. An OstinatoError of the reward remains as it is.

    Raises ConfigError for a reward that fails, ShapeError and DTypeError for a result that is not M numbers,
    NonFiniteError for one that is not finite.
    """
    lengths = np.array([len(one) for one in tokens], np.int64)
    ids = np.full((len(tokens), int(lengths.max(initial=0))), -1, np.int64)
    for row, one in zip(ids, tokens, strict=True):
        row[: len(one)] = one
    try:
        given = reward(ids, lengths, targets)
    except OstinatoError:
        raise
    except Exception as error:
        raise ConfigError(f"{owner}: the reward raised {type(error).__name__}: {error}") from error
    try:
        found = np.asarray(given)
    except ValueError as error:
        raise ShapeError(f"{owner}: the reward returned {given!r}; expected {len(tokens)} numbers") from error
    if found.dtype.kind not in "biuf":
        raise DTypeError(f"{owner}: the reward returned {found.dtype}; expected {len(tokens)} numbers")
    if found.shape != (len(tokens),):
        raise ShapeError(
            f"{owner}: the reward returned the shape {found.shape}; expected ({len(tokens)},), one number "
            "for each row of ids"
        )
    bad = np.flatnonzero(~np.isfinite(found))
    if bad.size:
        raise NonFiniteError(
            f"{owner}: the reward of sequence {bad[0]}, {tokens[bad[0]].tolist()}, is {found[bad[0]]}; "
            "expected a finite number"
        )
    return found.astype(np.float64)
