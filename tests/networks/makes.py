"""The table of networks that every behaviour test goes through. A new layer is a line here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import ostinato as ost

MAKES: dict[str, Callable[[], ost.Network]] = {
    "rnn": lambda: ost.RNN(3, 4),
    "lstm": lambda: ost.LSTM(3, 4, dtype="float64"),
    "lstm, projected": lambda: ost.LSTM(3, 4, 2, proj_size=2),
    "gru, stacked": lambda: ost.GRU(3, 4, 3),
    "gru, both ways, stacked": lambda: ost.GRU(3, 4, 2, bidirectional=True),
    "rnn, residual": lambda: ost.Recurrent("rnn", 4, 4, 2, residual=True, seed=3),
    "min_gru, both ways": lambda: ost.MinGRU(3, 4, bidirectional=True),
    "diagonal_ssm, stacked": lambda: ost.DiagonalSSM(3, 5, 2, dtype="float64"),
    "dense": lambda: ost.Dense(3, 2, "tanh"),
    "embedding": lambda: ost.Embedding(7, 3),
    "wrapped both ways": lambda: ost.Bidirectional(ost.LSTM(3, 4)),
    "a stack both ways": lambda: ost.Bidirectional(ost.Sequential(ost.Dense(3, 2), ost.GRU(2, 4, 2))),
    "sequential": lambda: ost.Sequential(ost.Embedding(7, 3), ost.LSTM(3, 4), ost.RNN(4, 4), ost.Dense(4, 7)),
    "sequential, named": lambda: ost.Sequential(
        {"body": ost.Sequential(ost.GRU(3, 4), ost.GRU(4, 4)), "head": ost.Dense(4, 2, bias=False)}
    ),
}


def make(name: str) -> ost.Network:
    """A new network of the table."""
    return MAKES[name]()


def floats(rng: np.random.Generator, net: ost.Network, rows: int, steps: int) -> np.ndarray:
    """Random input for a network: ids if it takes ids."""
    if net.takes_ids:
        return rng.integers(0, net.input_size, size=(rows, steps))
    return rng.standard_normal((rows, steps, net.input_size)).astype(net.dtype)
