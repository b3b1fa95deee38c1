"""The data of all rows, and what results are made of."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import ostinato as ost

N, T, F = 6, 5, 3
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, F)).astype("float32")
Y = rng.normal(size=(N, T, F)).astype("float32")
IDS = rng.integers(0, F, (N, T))
LENGTHS = np.array([5, 3, 4, 1, 2, 5])
MASK = rng.random((N, T)) < 0.7
WEIGHTS = rng.random((N, T)).astype("float32")
RESETS = rng.random((N, T)) < 0.3
STATE = {"h": rng.normal(size=(1, N, F)).astype("float32")}
ROWS = [row[:n] for row, n in zip(X, LENGTHS, strict=True)]


def net(**options: Any) -> ost.Network:
    """A GRU with noise, whose state has the width of its input."""
    return ost.GRU(F, F, regularizers=[ost.Dropout(0.3)], **options)


def history(trainer: ost.Trainer) -> Any:
    """All that a training leaves."""
    return trainer.history.rows, np.asarray(trainer.net.arena), trainer.optimizer.state_dict()


def once(
    kind: Callable[..., Any], small: Mapping[str, Any], result: Callable[..., Any]
) -> Callable[..., Any]:
    """`result(**given)`, computed once for equal arguments: a fit of the defaults serves many rows.

    Arguments that are not given count as those of `small`, or as the defaults of `kind`.
    """
    parameters = inspect.signature(kind).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.default is not one.empty}
    results: dict[Any, Any] = {}

    def remembered(**given: Any) -> Any:
        whole = {**defaults, **small, **given}
        key = tuple((name, _key(whole[name])) for name in sorted(whole))
        if key not in results:
            # with what was given, so that no other object gets its id
            results[key] = result(**{**small, **given}), given
        return results[key][0]

    return remembered


def _key(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value), *map(_key, value)
    return repr(value) if value is None or isinstance(value, (bool, int, float, str)) else id(value)
