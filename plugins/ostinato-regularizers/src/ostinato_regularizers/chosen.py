"""The matrices that a regularizer of weights changes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from ostinato import ConfigError, Regularizer


def pattern(owner: str, weights: Any) -> str | None:
    """Return a pattern of names, or None; raise ConfigError for anything else."""
    if weights is not None and not isinstance(weights, str):
        raise ConfigError(f"regularizer {owner!r}: weights is {weights!r}; expected a pattern or None")
    return weights


def is_chosen(one: Regularizer, pattern: str | None, name: str, noise: Any) -> bool:
    """Whether `pattern` means the matrix `name`; None means the matrices that multiply a state.

    Raises ConfigError if it means none of the cell's matrices.
    """
    groups = noise.groups["recurrent"]
    chosen = [
        key for key in noise.matrices if (key in groups if pattern is None else fnmatchcase(key, pattern))
    ]
    if not chosen:
        meant = "no matrix multiplies a state" if pattern is None else f"no matrix is called {pattern!r}"
        raise ConfigError(f"{one!r}: {meant}; the matrices are {', '.join(noise.matrices)}")
    return name in chosen
