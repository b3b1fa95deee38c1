"""`CSVLog`: the history of a run as a file, a line for each epoch, as soon as the epoch ends."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from typing import ClassVar, Final

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.tracking.tracker import Tracker
from ostinato.training.run import TrainingRun

ALWAYS: Final = ("epoch", "step")
"""The columns that every log has."""
LONGEST: Final = 100_000
"""Bytes of a first line that are read."""


class CSVLog(Tracker):
    """Writes the history to a CSV file: `Trainer(..., callbacks=[CSVLog("run.csv")])`.

    The first line has the names of the columns. The file always has the whole history of the run: a run that
    is resumed, or fitted further, writes its earlier epochs too, and another run replaces the file. A file
    that is no log is never replaced. A cell is empty where an epoch has no measurement.

    path: of the file; its folder must exist. Raises DTypeError, ConfigError; ConfigError in `fit` if the file
    cannot be written, or is no log.
    """

    name: ClassVar[str] = "csv_log"

    def __init__(self, path: str | os.PathLike[str] = "history.csv") -> None:
        self.path = path
        self._path = checks.path("CSVLog: path", path)
        self._columns: list[str] = []

    def begin(self, run: TrainingRun) -> None:
        """Find out whether the file can be written. A file of an earlier run stays until the first epoch."""
        self._columns = []
        with open(self._path, "ab"):
            pass
        first = ""
        if os.path.isfile(self._path):  # a device has no lines to lose
            with open(self._path, "rb") as file:
                first = file.readline(LONGEST).decode("utf-8", "replace")
        if first and not set(ALWAYS) <= set(next(csv.reader([first.strip()]), [])):
            raise ConfigError(
                f"CSVLog: path is {shown(self.path)}, a file that is no log: its first line has no columns "
                f"{' and '.join(ALWAYS)}; expected another path, because the log would replace the file"
            )

    def epoch(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Add a line; write the whole file first, and again when there is a new column."""
        *earlier, last = run.history.rows
        row = {**last, **metrics}
        columns = list(dict.fromkeys(name for one in (*earlier, row) for name in one))
        whole = columns != self._columns
        with open(self._path, "w" if whole else "a", encoding="utf-8", newline="") as file:
            lines = csv.DictWriter(file, columns)
            if whole:
                lines.writeheader()
                lines.writerows(earlier)
            lines.writerow(row)
        self._columns = columns
