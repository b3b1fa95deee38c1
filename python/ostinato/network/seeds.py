"""The seed of a call's noise: the argument, or the next seed of the network's own series."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown


class Seeds:
    """A series of 64-bit seeds, one for each call without a seed; it depends on the seeds of the layers.

    `calls` is the number of seeds taken. A model file stores it, so a loaded network continues with the next.
    """

    def __init__(self, seeds: Iterable[int]) -> None:
        self._entropy = list(seeds)
        self.calls = 0
        self._lock = threading.RLock()  # a signal handler may draw a seed at any moment

    @contextmanager
    def during(self, call: str, seed: Any, training: bool) -> Iterator[int]:
        """The seed of a call, as `of_call`. A call that raises gives it back if it is the last one."""
        before = self.calls
        drawn = self.of_call(call, seed, training)
        try:
            yield drawn
        except BaseException:
            with self._lock:
                if seed is None and training and self.calls == before + 1:
                    self.calls = before
            raise

    def of_call(self, call: str, seed: Any, training: bool) -> int:
        """The seed of a call: the argument, or the next one of the series; 0 if nothing is random.

        Raises ConfigError for a seed that is not an integer below 2**64, or that would not be used.
        """
        if seed is None:
            return self._next() if training else 0
        if not training:
            raise ConfigError(
                f"{call}: seed is {shown(seed)}, but nothing is random without training=True or with "
                "regularize=False"
            )
        number = checks.whole(call, "seed", seed, at_least=0)
        if number >= 2**64:
            raise ConfigError(f"{call}: seed is {shown(seed)}; expected a whole number below 2**64")
        return number

    def _next(self) -> int:
        with self._lock:
            key, self.calls = (self.calls,), self.calls + 1
        return int(np.random.SeedSequence(self._entropy, spawn_key=key).generate_state(1, np.uint64)[0])
