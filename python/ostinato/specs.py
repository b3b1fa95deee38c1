"""What a plugin hands over for each noun: a name, a way to make it, and a line about it.

A package registers with hooks marked by `hookimpl`, which return lists of these descriptors:

    @hookimpl
    def ostinato_cells() -> list[CellSpec]:
        return [CellSpec("ligru", LightGRU)]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pluggy

from ostinato.errors import ConfigError

hookimpl = pluggy.HookimplMarker("ostinato")
"""Marks a function as the implementation of an ostinato hook."""


@dataclass(frozen=True)
class Spec:
    """A named factory: `factory(**options)` makes the thing, `doc` says in a line what it is."""

    name: str
    factory: Callable[..., Any]
    doc: str = ""

    def __post_init__(self) -> None:
        noun = type(self).__name__
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ConfigError(f"{noun}: name is {self.name!r}; expected letters, digits and _ as in Python")
        if not callable(self.factory):
            raise ConfigError(
                f"{noun} {self.name!r}: factory is {self.factory!r}; expected a class or a function"
            )
        if not self.doc:
            object.__setattr__(self, "doc", (self.factory.__doc__ or "").strip().partition("\n")[0])


@dataclass(frozen=True)
class CellSpec(Spec):
    """A cell: `factory(**options) -> Cell`."""


@dataclass(frozen=True)
class RegularizerSpec(Spec):
    """A regularizer: `factory(**options) -> Regularizer`."""


@dataclass(frozen=True)
class LossSpec(Spec):
    """A loss: `factory(**options) -> Loss`."""


@dataclass(frozen=True)
class OptimizerSpec(Spec):
    """An optimizer: `factory(**options) -> Optimizer`."""


@dataclass(frozen=True)
class InitializerSpec(Spec):
    """An initializer: `factory(**options) -> callable (shape, rng) -> float64 array`."""
