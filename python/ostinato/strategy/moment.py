"""A moment in the course of training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moment:
    """A point of a run, on which schedules and strategies depend.

    epoch: whole epochs done; step: updates of the parameters done; done: the completed share 0..1 of the goal
    of `fit`; seed: the run's; waiting: batches since the last update, where one update has several.
    """

    epoch: int = 0
    step: int = 0
    done: float = 0.0
    seed: int = 0
    waiting: int = 0

    def rng(self, stream: str) -> np.random.Generator:
        """Random numbers that depend only on (seed, stream, epoch, step, waiting): the same after a resume.

        `stream` separates the draws of different purposes; a strategy passes its own name.
        """
        return np.random.Generator(np.random.PCG64(self._number(stream)))

    def draw_seed(self, stream: str) -> int:
        """A 64-bit seed from the same values."""
        return self._number(stream) % 2**64

    def _number(self, stream: str) -> int:
        address = f"{self.seed} {self.epoch} {self.step} {stream}"
        if self.waiting:
            address = f"{address} {self.waiting}"
        return int.from_bytes(hashlib.sha256(address.encode()).digest(), "little")
