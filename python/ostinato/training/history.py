"""The measurements of each epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any, Final

from ostinato.attribute_guard import AttributeGuard
from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.suggest import did_you_mean, item
from ostinato.training.measured import Measured

LONGEST: Final = 40
"""The most rows of a printed table."""


class History(AttributeGuard):
    """A row of numbers for each finished epoch; prints as a table, in which a long history has a gap.

    `history[-1]["loss"]` is a number, `history["val_loss"]` a list with one number for each row (NaN if it
    was not measured), `history.rows` plain data.
    """

    def __init__(self, rows: Iterable[Mapping[str, float]] = ()) -> None:
        given = list(rows) if isinstance(rows, Iterable) else [rows]
        if not all(isinstance(row, Mapping) for row in given):
            raise DTypeError(f"History: rows is {shown(rows)}; expected a list of dicts, one for each epoch")
        self.rows: list[dict[str, float]] = [dict(row) for row in given]
        self.measured = Measured()

    def append(self, row: Mapping[str, float]) -> None:
        """Add an epoch."""
        self.rows.append(dict(row))

    def replace_last(self, row: Mapping[str, Any]) -> None:
        """Replace the measurements of the last epoch; its "epoch" and "step" stay.

        Raises ConfigError for a value that is no number.
        """
        for name, value in row.items():
            if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, Real):
                raise ConfigError(
                    f"metrics has {shown(name)}: {shown(value)}; a plugin may add names with numbers to them"
                )
        last = self.rows[-1]
        own = {name: last[name] for name in ("epoch", "step")}
        numbers = {name: value if type(value) is int else float(value) for name, value in row.items()}
        self.rows[-1] = {**own, **numbers, **own}

    @property
    def names(self) -> list[str]:
        """The names of the measurements, in order of first appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def __getitem__(self, key: int | str | slice) -> Any:
        if isinstance(key, str):
            if key not in self.names:
                if self.measured.knows(key) and self.rows:
                    raise ConfigError(f"history has no {shown(key)}; {self.measured.missing(key)}")
                raise ConfigError(
                    f"history has no {shown(key)}; {did_you_mean(key, self.names, 'it was measured')}"
                )
            return [row.get(key, float("nan")) for row in self.rows]
        if isinstance(key, slice):
            return self.rows[key]
        return item("epoch", dict(enumerate(self.rows)), key, "key")

    def _ipython_key_completions_(self) -> list[str]:
        return self.names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self.rows == other.rows

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        names = self.names
        table = [names, *([_shown(row.get(name)) for name in names] for row in self.rows)]
        if len(self.rows) > LONGEST:
            gap = ["..."] * len(names)
            table = [*table[: 1 + LONGEST // 2], gap, *table[-(LONGEST // 2) :]]
        widths = [max(len(line[n]) for line in table) for n in range(len(names))]
        lines = [
            "  ".join(cell.rjust(wide) for cell, wide in zip(line, widths, strict=True)) for line in table
        ]
        return "\n".join(lines) if names else "History: no epoch yet"

    def plot(self, axes: Any = None, names: Iterable[str] | None = None) -> Any:
        """Draws the losses, or the named columns, over epochs; returns the axes.

        Raises ConfigError without the extra [plot].
        """
        if axes is None:
            try:
                from matplotlib.figure import Figure
            except ImportError as error:
                raise ConfigError("plot needs matplotlib: pip install 'ostinato[plot]'") from error
            axes = Figure(layout="constrained").subplots()
        shown = [name for name in self.names if name in ("loss", "val_loss")] if names is None else names
        epochs = self["epoch"] if self.rows else []
        for name in shown:
            axes.plot(epochs, self[name], label=name)
        axes.set(xlabel="epoch")
        axes.legend(frameon=False)
        return axes


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}"
