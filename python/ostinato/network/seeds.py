"""The seed of a call's noise: the argument, or the next seed of the network's own series."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown

R = TypeVar("R")


class Seeds:
    """A series of 64-bit seeds, one for each call without a seed; it depends on the seeds of the layers.

    `calls` is the number of seeds taken. A model file stores it, so a loaded network continues with the next.
    """

    def __init__(self, seeds: Iterable[int]) -> None:
        self._entropy = list(seeds)
        self.calls = 0
        # Which call took the last seed. It is stored with the count, so no error comes between the two.
        self._taker: object = None
        self._lock = threading.RLock()  # a signal handler may draw a seed at any moment

    def set_calls(self, calls: int) -> None:
        """Sets how many seeds were used. A call that runs then returns no seed."""
        with self._lock:
            self._taker, self.calls = None, calls

    def during(self, call: str, seed: Any, training: bool, work: Callable[[int], R]) -> R:
        """`work(the seed of a call)`, as `of_call`. If it raises, a seed that is the last is given back."""
        taker = object()
        try:
            return work(self.of_call(call, seed, training, taker))
        except BaseException:
            with self._lock:
                if self._taker is taker:
                    self._taker, self.calls = None, self.calls - 1
            raise

    def of_call(self, call: str, seed: Any, training: bool, taker: object) -> int:
        """The seed of a call: the argument, or the next one of the series; 0 if nothing is random.

        Raises ConfigError for a seed that is not an integer below 2**64, or that would not be used.
        """
        if seed is None:
            return self._next(taker) if training else 0
        if not training:
            raise ConfigError(
                f"{call}: seed is {shown(seed)}, but nothing is random without training=True or with "
                "regularize=False"
            )
        number = checks.whole(call, "seed", seed, at_least=0)
        if number >= 2**64:
            raise ConfigError(f"{call}: seed is {shown(seed)}; expected a whole number below 2**64")
        return number

    def _next(self, taker: object) -> int:
        with self._lock:
            key, self.calls, self._taker = (self.calls,), self.calls + 1, taker
        return int(np.random.SeedSequence(self._entropy, spawn_key=key).generate_state(1, np.uint64)[0])
