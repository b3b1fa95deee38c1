"""The kinds that the kit knows; a new kind is a file with its list of checks, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostinato.testing.callback import CALLBACK
from ostinato.testing.cell import CELL
from ostinato.testing.initializer import INITIALIZER
from ostinato.testing.layer import LAYER
from ostinato.testing.loss import LOSS
from ostinato.testing.metric import METRIC
from ostinato.testing.optimizer import OPTIMIZER
from ostinato.testing.regularizer import REGULARIZER
from ostinato.testing.runner import Kind
from ostinato.testing.schedule import SCHEDULE
from ostinato.testing.scorer import SCORER
from ostinato.testing.strategy import STRATEGY

_ALL: tuple[Kind[Any], ...] = (
    CELL,
    SCORER,
    LAYER,
    REGULARIZER,
    LOSS,
    OPTIMIZER,
    INITIALIZER,
    SCHEDULE,
    STRATEGY,
    METRIC,
    CALLBACK,
)

KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in _ALL}
