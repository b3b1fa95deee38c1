"""Initializers of parameters, one per file, each `(shape, rng) -> float64 array`.

Every `Initializer` defined in a file of this folder is registered under its `name`. May use: cell, checks,
errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np  # noqa: F401  # the type of a function as an initializer names it

from ostinato.cell import Init
from ostinato.checks import count
from ostinato.discover import make
from ostinato.errors import ConfigError, shown
from ostinato.initializers.constant import Constant, Identity, Ones, Zeros
from ostinato.initializers.gatewise import ByGate
from ostinato.initializers.he import HeNormal, HeUniform
from ostinato.initializers.initializer import Initializer
from ostinato.initializers.orthogonal import Orthogonal
from ostinato.initializers.scaled import ScaledNormal, Uniform
from ostinato.initializers.xavier import XavierNormal, XavierUniform

__all__ = [
    "ByGate",
    "Constant",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "Ones",
    "Orthogonal",
    "ScaledNormal",
    "Uniform",
    "XavierNormal",
    "XavierUniform",
    "Zeros",
    "by_gate",
    "get",
]


_MOST_GATES: Final = 1000


def get(name: str | Init, **options: Any) -> Init:
    """Return the built-in initializer called `name` with these options; a callable is returned unchanged.

    Raises ConfigError for an unknown name or option, with the closest known one.
    """
    if callable(name):
        if options:
            raise ConfigError(
                f"options {', '.join(options)} go with a name; got the initializer {shown(name)} itself"
            )
        return name
    return cast(Init, make("ostinato.initializers", Initializer, name, options))


def by_gate(init: str | Init | Sequence[str | Init], gates: int | None = None) -> ByGate:
    """Initialize each gate of a stacked parameter separately: with one initializer, or a list of them.

    Fans and orthogonality are then those of one gate's matrix, as if the gates were separate parameters.
    """
    if isinstance(init, str) or callable(init):
        if gates is None:
            raise ConfigError("by_gate: gates is None; expected the number of gates")
        if count("by_gate", "gates", gates, at_least=1) > _MOST_GATES:
            raise ConfigError(f"by_gate: gates is {shown(gates)}; expected at most {_MOST_GATES}")
        return ByGate((_by_name("by_gate", init),) * gates)
    if not isinstance(init, (list, tuple)):
        raise ConfigError(f"by_gate: init is {shown(init)}; expected an initializer, or a list of them")
    if gates is not None and count("by_gate", "gates", gates, at_least=1) != len(init):
        raise ConfigError(f"by_gate: init has {len(init)} initializers for {gates} gates")
    return ByGate(tuple(_by_name("by_gate", one) for one in init))


def _by_name(owner: str, init: Any) -> Init:
    try:
        return get(init)
    except ConfigError as error:
        raise ConfigError(f"{owner}: init: {error}") from None
