"""Optimizers for ostinato, one per file; the hook below registers their names."""

from __future__ import annotations

from ostinato import OptimizerSpec, hookimpl
from ostinato_optimizers.adafactor import Adafactor
from ostinato_optimizers.lamb import LAMB
from ostinato_optimizers.lars import LARS
from ostinato_optimizers.lion import Lion
from ostinato_optimizers.lookahead import Lookahead

__all__ = ["LAMB", "LARS", "Adafactor", "Lion", "Lookahead"]


@hookimpl
def ostinato_optimizers() -> list[OptimizerSpec]:
    """The optimizers of this package."""
    return [OptimizerSpec.of(one) for one in (Lion, LAMB, LARS, Adafactor, Lookahead)]
