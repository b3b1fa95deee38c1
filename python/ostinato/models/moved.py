"""The paths that modules had when all estimators were in one folder: they still work.

A pickle names the modules of its classes, and a program may import a base class.
`ostinato.models.scaling` is `ostinato.models.reading.scaling`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

ROOMS: Final = {
    "base": (
        "adaptive best held_out loss_choice model_file not_fitted parameters routing seeds sequence_model "
        "settings softmax threads"
    ),
    "forecasting": "forecaster forecasts",
    "forecasting.linear": "kalman per_row state_space",
    "forecasting.outputs": "distributions forecast_loss head roll_out standing",
    "forecasting.quality": "conformal levels rivals skill windows",
    "forecasting.series": "covariates dated history observations season smoothing transform",
    "pooling": "classifier dynamics importance model_stream pooled regressor temperature",
    "reading": "columns intake labels long_rows long_table numbers scaling series times vocabulary weighing",
    "tagging": "tagger tags tokens word_ends",
    "writing": ("contexts halving language_model pairs pointer seq2seq sequence_generator symbols with_end"),
}
"""The modules that were in `ostinato.models`, by their rooms of today. A new module has no line here."""


def keep_paths(package: str) -> None:
    """Makes each module of `ROOMS` known under its path without the room too."""
    for room, names in ROOMS.items():
        for name in names.split():
            sys.modules[f"{package}.{name}"] = import_module(f"{package}.{room}.{name}")
