"""`predict`: outputs for many rows, some at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ostinato import checks
from ostinato.network.port import Port
from ostinato.sequences.axis import ROW


class Runs(Protocol):
    """The parts of a network that `predict` uses."""

    batch_first: bool | None

    @property
    def outputs(self) -> Mapping[str, Port]:
        """Axis and size of each output."""

    def run(self, x: Any, **arguments: Any) -> Any:
        """The forward pass."""
