"""Small things to learn, and trainers for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import ostinato as ost
from ostinato.data import Streams


def running_sum(rows: int = 10, steps: int = 7, seed: int = 0) -> tuple[Any, Any]:
    """x (N, T, 2) and its sum so far."""
    x = np.random.default_rng(seed).normal(size=(rows, steps, 2)).astype("float32")
    return x, np.cumsum(x, axis=1)


def ragged_lengths(rows: int = 10, steps: int = 7) -> Any:
    """Lengths 1..steps in no order."""
    return np.random.default_rng(3).integers(1, steps + 1, size=rows)


def network(cell: str = "lstm", seed: int = 0, **options: Any) -> ost.Network:
    """Two features in, two out."""
    return ost.Sequential(ost.Recurrent(cell, 2, 5, seed=seed, **options), ost.Dense(5, 2, seed=seed))


def trainer(net: ost.Network | None = None, **changes: Any) -> ost.Trainer:
    """A trainer of `network` with everything in it that has a state."""
    made: dict[str, Any] = {"loss": "mse", "optimizer": ost.Adam(lr=1e-2), "clip_norm": 1.0, **changes}
    return ost.Trainer(network() if net is None else net, **made)


def language_model(seed: int = 0, **options: Any) -> ost.Network:
    """Ids below 4 in, logits out."""
    return ost.Sequential(
        ost.Embedding(4, 3, seed=seed), ost.GRU(3, 5, seed=seed, **options), ost.Dense(5, 4, seed=seed)
    )


def windows(length: int = 101, rows: int = 3, steps: int = 5) -> Streams:
    """A stream of ids in windows that carry the state on."""
    return Streams(np.random.default_rng(1).integers(0, 4, size=length), rows, steps)
