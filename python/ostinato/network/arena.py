"""Parameters in one contiguous array: named views, initial values.

An optimizer, a clip or an all-reduce is then one pass over one array, and a layer inside a network is a
slice of the network's array.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.initializers import Initializer
from ostinato.network.graph import Parameter
from ostinato.plugins.blame import blamed_on
from ostinato.plugins.registry import registry

Array = NDArray[Any]


def views(parameters: Iterable[Parameter], arena: Array) -> dict[str, Array]:
    """Name -> view into `arena`, in the order of `parameters`."""
    return {p.name: arena[p.offset : p.offset + p.size].reshape(p.shape) for p in parameters}


def draw(parameter: Parameter, name: str, seed: int) -> Array:
    """The initial values of one parameter, float64.

    The random numbers depend only on the seed and the name, so adding a layer does not change other layers.
    Raises ConfigError for an unknown initializer, ShapeError when it returns another shape.
    """
    import hashlib  # loads OpenSSL, which takes milliseconds

    digest = hashlib.sha256(name.encode()).digest()
    key = tuple(int.from_bytes(digest[at : at + 4], "little") for at in range(0, 16, 4))
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
    owner = f"init: initializer of {name}"
    choice = registry.choose("initializer", parameter.param.init, Initializer, argument=owner)
    if choice.entry is not None:
        owner = f"init: initializer {choice.name!r} of {name}"
    with blamed_on(choice.entry):
        try:
            made = choice.made(parameter.shape, rng)
        except (ConfigError, DTypeError, ShapeError) as error:
            kind = ShapeError if isinstance(error, ShapeError) else ConfigError
            raise kind(f"{owner}: {error}") from error
    try:
        values = np.array(made, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(
            f"{owner} returned {shown(made)}; expected an array {parameter.shape} of numbers"
        ) from None
    if values.shape != parameter.shape:
        raise ShapeError(f"{owner} returned {values.shape}; expected {parameter.shape}")
    if not np.isfinite(values).all():
        raise ConfigError(f"{owner} returned a value that is not finite")
    return values
