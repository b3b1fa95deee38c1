"""`ostinato fit forecaster`: quantiles of the next steps, by a network of all series."""

from __future__ import annotations

import argparse
from typing import Any

from ostinato import checks
from ostinato.cli.kinds.series import SeriesKind
from ostinato.models import Forecaster
from ostinato.models.forecasting.outputs.head import Head
from ostinato.models.forecasting.quality.levels import read_levels
from ostinato.models.forecasting.series.transform import Transform
from ostinato.sequences.arrays import Array


class ForecasterKind(SeriesKind):
    """`Forecaster`."""

    estimator, name = Forecaster, "forecaster"

    def made(self, options: argparse.Namespace, parameters: dict[str, Any]) -> Forecaster:
        """With the seed."""
        return Forecaster(**{"random_state": options.seed, "verbose": not options.quiet, **parameters})

    def reads_logarithms(self, model: Forecaster, path: str, values: dict[str, Array]) -> bool:
        """By the transform, and by the distribution."""
        horizon = checks.count("fit", "--horizon", model.horizon, at_least=1)
        levels = read_levels("fit", model.quantiles)
        head = Head.of("fit", model.method, horizon, levels, model.distribution)
        if isinstance(model.transform, str) and model.transform == "log":
            for name, one in values.items():
                Transform(True).check(f"{path}: the series {name!r}", one)
        return head.transform(path, model.transform, list(values), list(values.values())).positive

    def lengths(self, model: Forecaster) -> list[int]:
        """Of the series so far."""
        return model._lengths()

    def trained(self, model: Forecaster) -> str:
        """The epochs."""
        return f"in {model.n_iter_} epochs"
