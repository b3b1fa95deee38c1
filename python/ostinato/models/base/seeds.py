"""`random_state` as one integer."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.checks import LARGEST_COUNT, whole
from ostinato.errors import ConfigError, shown


def seed_of(owner: str, random_state: Any) -> int:
    """The seed of an integer, a RandomState or a Generator (one draw of it), or None: a new one each time.

    Raises ConfigError.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] % LARGEST_COUNT)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(LARGEST_COUNT))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(LARGEST_COUNT))
    if isinstance(random_state, (bool, str)) or not hasattr(random_state, "__index__"):
        raise ConfigError(
            f"{owner}: random_state is {shown(random_state)}; expected an integer from 0, a "
            "numpy.random.RandomState or Generator, or None"
        )
    return whole(owner, "random_state", random_state, at_least=0)
