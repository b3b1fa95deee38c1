"""Gradients of halves of a batch, in two processes."""

from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np

from ostinato import Execution


class _Halves:
    """A core: half of the rows in a forked process, the other half here; everything else is done here."""

    def __init__(self, local: Any) -> None:
        self._local = local

    def __getattr__(self, name: str) -> Any:
        return getattr(self._local, name)

    def value_and_grad(self, batch: Any, through_time: Any = None) -> tuple[float, Any]:
        """The loss and the gradient of the whole batch."""
        half = batch.rows // 2
        first, second = batch.take(np.arange(half)), batch.take(np.arange(half, batch.rows))
        if not (first.count and second.count) or len(batch.counts) > 1:
            return tuple(self._local.value_and_grad(batch, through_time))
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        worker = context.Process(target=_work, args=(self._local, first, through_time, there))
        worker.start()
        loss, slopes = self._local.value_and_grad(second, through_time)
        other, arena = here.recv()
        worker.join()
        share = second.count / batch.count
        slopes.arena[...] = share * slopes.arena + (1 - share) * arena
        return share * loss + (1 - share) * other, slopes


def _work(core: Any, part: Any, through_time: Any, pipe: Any) -> None:
    loss, slopes = core.value_and_grad(part, through_time)
    pipe.send((loss, np.asarray(slopes.arena)))


class TwoProcesses(Execution):
    """Each gradient is the mean of those of two halves. Source: Dean et al. 2012."""

    name = "two_processes"

    def core(self, local: Any) -> Any:
        return _Halves(local)
