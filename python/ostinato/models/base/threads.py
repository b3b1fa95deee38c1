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
    if n_jobs is None:
        return work()
    count = (
        (os.cpu_count() or 1)
        if isinstance(n_jobs, int) and n_jobs == -1
        else whole(owner, "n_jobs", n_jobs, at_least=1, at_most=MOST)
    )
    return with_num_threads(min(count, MOST), work)
