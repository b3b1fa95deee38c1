"""When, in the course of training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ostinato import checks


@dataclass(frozen=True)
class Moment:
    """A point of a run, which schedules and strategies decide by.

    epoch: whole epochs behind it; step: updates of the parameters behind it; done: the share 0..1 of what
    `fit` was asked for that is behind it; seed: the run's.
    """

    epoch: int = 0
    step: int = 0
    done: float = 0.0
    seed: int = 0

    def rng(self, stream: str) -> np.random.Generator:
        """Random numbers that (seed, stream, epoch, step) decide: the same ones again after a resume.

        `stream` keeps the draws of one purpose apart from those of others; a strategy gives its own name.
        """
        return np.random.Generator(np.random.PCG64(self._sequence(stream)))

    def draw_seed(self, stream: str) -> int:
        """A 64-bit seed from the same address."""
        return int(self._sequence(stream).generate_state(1, np.uint64)[0])

    def _sequence(self, stream: str) -> np.random.SeedSequence:
        digest = hashlib.sha256(stream.encode()).digest()
        key = (int.from_bytes(digest[:4], "little"), self.epoch, self.step)
        return np.random.SeedSequence(checks.whole("Moment", "seed", self.seed, at_least=0), spawn_key=key)
