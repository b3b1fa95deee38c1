"""The names of axes."""

from __future__ import annotations

from typing import Final, TypeAlias

Axis: TypeAlias = str
"""Where a value varies: by row alone ("row"), or by row and step: a sequence on the axis of this name."""

ROW: Final = "row"
TIME: Final = "time"
