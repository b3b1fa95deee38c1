"""`ostinato fit state-space`: quantiles of the next steps, by a linear state space of each series."""

from __future__ import annotations

import argparse
from types import MappingProxyType
from typing import Any

from ostinato.cli.kinds.series import SeriesKind
from ostinato.errors import ConfigError
from ostinato.models import StateSpace
from ostinato.models.forecasting.series.transform import Transform
from ostinato.sequences.arrays import Array


class StateSpaceKind(SeriesKind):
    """`StateSpace`."""

    estimator, name = StateSpace, "state-space"
    unused = MappingProxyType(
        {"seed": "nothing is drawn at random", "quiet": "no line for each epoch is printed"}
    )

    def made(self, options: argparse.Namespace, parameters: dict[str, Any]) -> StateSpace:
        """With these alone."""
        return StateSpace(**parameters)

    def reads_logarithms(self, model: StateSpace, path: str, values: dict[str, Array]) -> bool:
        """By the transform."""
        if isinstance(model.transform, str) and model.transform == "log":
            for name, one in values.items():
                Transform(True).check(f"{path}: the series {name!r}", one)
        return Transform.of(path, model.transform, list(values.values())).positive

    def lengths(self, model: StateSpace) -> list[int]:
        """Of the series so far."""
        return [model._lengths[one] for one in model.ids_]

    def trained(self, model: StateSpace) -> str:
        """The iterations."""
        return f"in {model.n_iter_} iterations"

    def check_others(self, path: str) -> None:
        """Each series has variances of its own."""
        raise ConfigError(
            f"{path} holds a StateSpace, which forecasts the series that were fitted, because each has "
            "variances of its own; omit the file, or fit one to it: ostinato fit state-space"
        )
