"""What the files below `Network` ask of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class NetworkFacts(Protocol):
    """Shapes, names and parameters of a network; each means what it means in `Network`."""

    dtype: np.dtype[Any]
    input_size: int
    batch_first: bool | None
    takes_ids: bool

    @property
    def arena(self) -> NDArray[Any]:
        """All parameters, 1-D."""

    @property
    def frozen(self) -> tuple[str, ...]:
        """The names of the frozen parameters."""

    @property
    def output_size(self) -> int:
        """Features per step of the outputs."""

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of each state without its N."""

    def parameters(self) -> Mapping[str, NDArray[Any]]:
        """Name -> view into `arena`."""
