"""Sequences and their answers from a long table: one row for each sequence and step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.models import stored
from ostinato.models.reading.feature_names import as_names
from ostinato.models.reading.long_table import LongTable, column_of, is_table, read_long


@dataclass(frozen=True)
class LongForm:
    """The columns of a long table: names of sequences, times, and answers; features, once they are known."""

    id: str
    time: str | None = None
    target: str | None = None
    features: tuple[str, ...] | None = None

    @classmethod
    def of(cls, owner: str, table: Any, id: Any, time: Any, target: Any) -> LongForm | None:
        """The form of the arguments of `fit`; None without them. Raises ConfigError, DTypeError."""
        if id is None:
            for name, value in (("time", time), ("target", target)):
                if value is not None:
                    raise ConfigError(
                        f"{owner}: {name} is {shown(value)}, but id is not given; expected id=, the column "
                        "with the name of each row's sequence"
                    )
            return None
        if not is_table(table):
            raise DTypeError(
                f"{owner}: id is {shown(id)}, but X is no table; expected a DataFrame or a dict of columns, "
                "with one row for each sequence and step"
            )
        for name, value in (("id", id), ("time", time), ("target", target)):
            if value is not None and not isinstance(value, str):
                raise DTypeError(f"{owner}: {name} is {shown(value)}; expected the name of a column")
        return cls(id, time, target)

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> LongForm | None:
        """The inverse of `asdict`. Raises FormatError."""
        if state is None:
            return None
        for name in ("id", "time", "target"):
            if not isinstance(state[name], str) and (name == "id" or state[name] is not None):
                raise stored.wrong(f"{name}, a column,", state[name], "its name")
        return cls(**{**state, "features": _columns(state["features"])})

    def fits(self, table: Any) -> bool:
        """Whether this is a long table of this form: it has the column of names."""
        return is_table(table) and self.id in _names(table)


class Rows(NamedTuple):
    """Sequences of a table: arrays (T, F), or lists of words; their answers, and the form with features."""

    x: list[Any]
    y: Any
    form: LongForm


def state_of(form: LongForm | None) -> dict[str, Any] | None:
    """The form for a model file."""
    return None if form is None else asdict(form)


def rows_of_table(owner: str, table: Any, form: LongForm, y: Any, *, steps: bool = False) -> Rows:
    """The sequences of a long table, in the order of their first rows.

    y: the answers, or None for those of the column `target`, if the table has it: one for each sequence, or
    with `steps` one for each row. A form without features has all columns that are left. With `steps`, one
    column of texts makes lists of words. Raises ShapeError, DTypeError, ConfigError that name column and row.
    """
    long = read_long(owner, table, id=form.id, time=form.time, regular=False)
    known = form.features
    if y is not None and form.target is not None and known is None:
        raise ConfigError(f"{owner}: y and target={shown(form.target)} are both given; expected one of them")
    if y is None and form.target is not None and (known is None or form.target in _names(table)):
        y = _by_step(long, form.target) if steps else long.first(form.target)
    rest = [one for one in _names(table) if one not in (form.id, form.time, form.target)]
    chosen = tuple(rest if known is None else known)
    if not chosen:
        raise ConfigError(f"{owner}: the table has no column of features besides {', '.join(_names(table))}")
    if steps and len(chosen) == 1 and isinstance(column_of(owner, table, chosen[0])[0], str):
        return Rows(_by_step(long, chosen[0]), y, replace(form, features=chosen))
    return Rows(list(long.features(chosen)), y, replace(form, features=chosen))


def _columns(names: Any) -> tuple[str, ...]:
    """The names of columns in a model file, each once; one may be empty. Raises FormatError."""
    found = as_names(names)
    if found is None or len(set(found)) != len(found):
        raise stored.wrong("features", names, "a list of the names of columns, each once")
    return found


def _by_step(long: LongTable, column: str) -> list[list[Any]]:
    values = list(column_of(long.owner, long.table, column))
    return [[values[n] for n in rows] for rows in long.rows]


def _names(table: Any) -> list[Any]:
    return list(table) if isinstance(table, Mapping) else list(table.columns)
