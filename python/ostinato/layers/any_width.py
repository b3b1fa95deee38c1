"""`AnyWidth`: a layer without a width of its own, which runs inside another network only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ostinato._core import Network as CoreNetwork
from ostinato.errors import ConfigError
from ostinato.network.arena import Array
from ostinato.network.graph import Scope
from ostinato.network.network import Network
from ostinato.sequences.batch import Batch


class AnyWidth(Network):
    """A layer without parameters that takes any width: it runs inside a Sequential or a Graph, not alone."""

    any_width = True
    _shape: ClassVar[str] = "(N, T, F) -> (N, T, F)"

    def _prepare(self) -> None:
        self.input_size, self.dtype, self.batch_first = 1, np.dtype("float32"), None
        self._set_up()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __str__(self) -> str:
        return f"{self!r}\n  {self._shape}, 0 parameters"

    def _core(self, input_gradient: bool = True) -> CoreNetwork:
        raise self._alone()

    def _call(
        self, call: str, x: Any, lengths: Any, mask: Any, state: Any, resets: Any, first_step: Any
    ) -> tuple[Any, Batch]:
        raise self._alone()

    def save(self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None) -> None:
        """Raises ConfigError: a file holds a network that runs."""
        raise self._alone()

    def _alone(self) -> ConfigError:
        return ConfigError(
            f"{self!r} has no width of its own, so it does not run alone; put it in a Sequential, or call it "
            "with a symbol"
        )

    def _redraw(self, values: Array, scope: Scope, seed: int | None) -> None:
        """There is nothing to draw."""
