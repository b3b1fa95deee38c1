"""`n_jobs`: the threads of one call."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from ostinato.checks import whole
from ostinato.threads import MOST, with_num_threads

R = TypeVar("R")


def with_jobs(owner: str, n_jobs: Any, work: Callable[[], R]) -> R:
    """`work()` with so many threads; -1 for one per processor, None for `get_num_threads()`.

    The number changes the speed and never the results. Raises ConfigError.
    """
    count = threads_of(owner, n_jobs)
    return work() if count is None else with_num_threads(count, work)


def threads_of(owner: str, n_jobs: Any) -> int | None:
    """The number of threads that `n_jobs` says, None for `get_num_threads()`. Raises ConfigError."""
    if n_jobs is None:
        return None
    if isinstance(n_jobs, int) and n_jobs == -1:
        return min(os.cpu_count() or 1, MOST)
    return whole(owner, "n_jobs", n_jobs, at_least=1, at_most=MOST)
