"""When, in the course of training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


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
        return np.random.Generator(np.random.PCG64(self._number(stream)))

    def draw_seed(self, stream: str) -> int:
        """A 64-bit seed from the same address."""
        return self._number(stream) % 2**64

    def _number(self, stream: str) -> int:
        address = f"{self.seed} {self.epoch} {self.step} {stream}"
        return int.from_bytes(hashlib.sha256(address.encode()).digest(), "little")
