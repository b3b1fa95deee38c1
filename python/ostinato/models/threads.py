"""`n_jobs`: the threads of one call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ostinato.checks import whole
from ostinato.threads import MOST, get_num_threads, set_num_threads


@contextmanager
def jobs(owner: str, n_jobs: Any) -> Iterator[None]:
    """Runs what is inside with so many threads; -1 for one per processor, None for `get_num_threads()`.

    The number changes the speed and never the results. Raises ConfigError.
    """
    if n_jobs is None:
        yield
        return
    count = (
        (os.cpu_count() or 1)
        if isinstance(n_jobs, int) and n_jobs == -1
        else whole(owner, "n_jobs", n_jobs, at_least=1, at_most=MOST)
    )
    before = get_num_threads()
    set_num_threads(min(count, MOST))
    try:
        yield
    finally:
        set_num_threads(before)
