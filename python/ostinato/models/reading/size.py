"""The size of numbers to predict."""

from __future__ import annotations

import numpy as np

from ostinato.errors import ConfigError
from ostinato.models.reading.scaling import LARGEST
from ostinato.sequences.arrays import Array


def check_size(what: str, values: Array) -> None:
    """Raises ConfigError for a number above LARGEST; NaN is none. values: (T,) or (T, F)."""
    wrong = np.argwhere(np.abs(values) > LARGEST)
    if wrong.size:
        place = tuple(int(one) for one in wrong[0])
        where = f"at {place[0]}" if len(place) == 1 else f"at step {place[0]}, feature {place[1]}"
        raise ConfigError(
            f"{what} has {values[place]:g} {where}, a number above {LARGEST:g}; leave it out, or divide "
            "all numbers by a constant"
        )
