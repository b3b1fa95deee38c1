"""Results for several numbers of threads."""

from __future__ import annotations

from collections.abc import Callable

import ostinato as ost


def bits_with_any_threads(results: Callable[[], list[bytes]]) -> list[list[bytes]]:
    """What `results` returns with 1 to 4 threads."""
    before = ost.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3, 4):
            ost.set_num_threads(threads)
            found.append(results())
    finally:
        ost.set_num_threads(before)
    return found
