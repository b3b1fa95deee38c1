"""Errors of workers, as the caller of `fit` sees them."""

from __future__ import annotations

from ostinato import RankError


class WorkerError(RankError):
    """A worker or its node was lost, or a worker raised an error that cannot be sent."""


class WorkerTraceback(Exception):
    """The traceback of an error in a worker, as text. It is the cause of the error that `fit` raises."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n{self.text}"
