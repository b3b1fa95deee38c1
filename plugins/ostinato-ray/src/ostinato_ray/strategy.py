"""The strategy "ray": the data-parallel strategy of ostinato on the workers of `fit`."""

from __future__ import annotations

import sys

from ostinato import Communicator, DataParallel

workers: list[Communicator] = []
"""The communicator of this process, if it is a worker."""

_printed: list[str] = []


def ray(*, shards: int = 4, check_every: int = 100) -> DataParallel:
    """Trains on all workers of `ostinato_ray.fit`.

    shards, check_every: as in `ostinato.DataParallel`. In a process that is no worker it trains alone, and
    prints so. Raises ConfigError and DTypeError for other options, and ConfigError for more workers than
    shards.
    """
    made = DataParallel(workers[-1] if workers else None, shards=shards, check_every=check_every)
    if not workers and not _printed:
        _printed.append("alone")
        print(
            "strategy 'ray': 1 process; for more: ostinato_ray.fit(train, workers=4)",
            file=sys.stderr,
            flush=True,
        )
    return made
