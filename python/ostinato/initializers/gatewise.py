"""One initializer for each gate of a stacked parameter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ostinato.cell import Init
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.initializers.initializer import Floats


@dataclass(frozen=True)
class ByGate:
    """Initializes the equal blocks along the first axis one by one, so that each gate has its own fans."""

    blocks: tuple[Init, ...]

    def __post_init__(self) -> None:
        blocks = self.blocks
        if not isinstance(blocks, (list, tuple)) or not blocks or not all(map(callable, blocks)):
            raise ConfigError(f"ByGate: blocks is {shown(blocks)}; expected initializers, one for each gate")
        object.__setattr__(self, "blocks", tuple(blocks))

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return the blocks, stacked; raise ShapeError when the first axis does not divide into them."""
        rows, rest = divmod(shape[0], len(self.blocks))
        if rest:
            raise ShapeError(
                f"shape {shape} does not divide into {len(self.blocks)} gates along its first axis"
            )
        return np.concatenate([block((rows, *shape[1:]), rng) for block in self.blocks])
