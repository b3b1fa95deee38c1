"""What a fit of `ostinato fit` gives, whatever the kind of model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ostinato.cli.reading.sequences import Layout
from ostinato.models.base.model_file import ModelFile


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model. layout: of its data; draw: its picture, into a figure of matplotlib."""

    model: ModelFile
    layout: Layout
    draw: Callable[[Any], None]


def fit_or_keep(model: Any, *data: Any, **columns: str) -> None:
    """Fits a model. Ctrl-C after the first epoch ends the training, and the best model so far is kept."""
    try:
        model.fit(*data, **columns)
    except KeyboardInterrupt:
        if not model.__sklearn_is_fitted__():
            raise
        print("interrupted: the best model so far is kept", file=sys.stderr)
