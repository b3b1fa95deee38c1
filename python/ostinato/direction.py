"""Whether a measurement should fall or rise, for whatever waits for it to improve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from ostinato.checks import choice
from ostinato.errors import ConfigError, shown

BETTER: Final = ("lower", "higher")
"""What a metric may say about itself, besides "nearest to 0.8"."""
_NEAREST: Final = "nearest to "
_SIGNS: Final = {"lower": -1.0, "min": -1.0, "higher": 1.0, "max": 1.0}


def goal_of(better: str) -> float | None:
    """The number of "nearest to 0.8"; None for anything else."""
    if not better.startswith(_NEAREST):
        return None
    try:
        goal = float(better.removeprefix(_NEAREST))
    except ValueError:
        return None
    return goal if math.isfinite(goal) else None


class Direction:
    """The `mode` of what watches a measurement: "min", "max", or "auto": what the metric says.

    owner: for errors; column: the name of the measurement, such as "val_loss". Raises ConfigError.
    """

    def __init__(self, owner: str, column: Any, mode: Any, argument: str = "metric") -> None:
        if not isinstance(column, str):
            raise ConfigError(
                f"{owner}: {argument} is {shown(column)}; expected the name of a column of the history"
            )
        self.mode = choice(owner, "mode", mode, ("auto", "min", "max"))
        self._owner, self._column = owner, column
        self._sign = _SIGNS.get(mode)
        self._goal: float | None = None

    def resolve(self, better: Mapping[str, str]) -> None:
        """Take the direction from `better`, if the mode is "auto".

        better: column -> "lower", "higher", or such as "nearest to 0.8". A loss or a penalty is better if it
        is lower. Raises ConfigError for a column of unknown direction.
        """
        if self.mode != "auto":
            return
        base = self._column.rpartition(".")[2].removeprefix("val_")
        known = "lower" if base in ("loss", "penalty") else better.get(self._column, "")
        self._goal = goal_of(known)
        if self._goal is not None:
            self._sign = 1.0
            return
        if known not in BETTER:
            raise ConfigError(
                f"{self._owner}: nothing says whether {shown(self._column)} is better if it is lower or "
                "higher; "
                "give mode='min' or mode='max', or set better = 'lower' or 'higher' in the metric's class"
            )
        self._sign = _SIGNS[known]

    def improves(self, value: float, best: float, by: float) -> bool:
        """Whether `value` is better than `best`, NaN for none so far, by more than `by`. A NaN never is.

        Raises ConfigError for an unknown direction.
        """
        if self._sign is None:
            self.resolve({})
        assert self._sign is not None
        if self._goal is not None:
            value, best = -abs(value - self._goal), -abs(best - self._goal)
        return not math.isnan(value) if math.isnan(best) else self._sign * (value - best) > by
