"""The kinds that the kit knows; a new one is a file with its list of checks, and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostinato.testing.cell import CELL
from ostinato.testing.initializer import INITIALIZER
from ostinato.testing.loss import LOSS
from ostinato.testing.optimizer import OPTIMIZER
from ostinato.testing.regularizer import REGULARIZER
from ostinato.testing.runner import Kind

KINDS: Mapping[str, Kind[Any]] = {
    kind.name: kind for kind in (CELL, REGULARIZER, LOSS, OPTIMIZER, INITIALIZER)
}
