"""A row for each argument and attribute: used, as two values give other results, or refused with a hint."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import ostinato as ost

# What options of plugins are tried with, if a table has no pair of values.
CANDIDATES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 3, 8, -1, 0.01, 0.05, 0.3, 0.5, 0.9, 2.0),
    *("loss", "val_loss", "min", "max", "sum", "sqrt", "tanh", "relu", "h", (0.5, 0.9), (0.1, 0.2)),
)
# What a caller may run into: the errors of this package, and Python's for what is read-only.
REFUSALS = (ost.OstinatoError, AttributeError, TypeError, KeyError)


class Row(NamedTuple):
    """What becomes of an argument or attribute."""

    subject: str
    what: str
    verdict: str
    """used, refused, or unused, which is a fault."""
    how: str


class Refused(NamedTuple):
    """An argument or attribute that is refused: a value, and what the message holds."""

    given: Any
    says: str


@dataclass
class Call:
    """A callable whose arguments are audited.

    of: has the signature; result: makes a call with some arguments, and returns all that comes of it; rows:
    argument -> two sets of arguments that give other results, or `Refused`. An argument that is not in rows
    is tried with `CANDIDATES`.
    """

    name: str
    of: Callable[..., Any]
    result: Callable[..., Any]
    rows: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self) -> list[str]:
        """The names of its signature."""
        variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
        signature = inspect.signature(self.of)
        return [
            name
            for name, one in signature.parameters.items()
            if name != "self" and (one.kind not in variable or name in self.rows)
        ]

    def audit(self) -> Iterator[Row]:
        """The rows. Raises AssertionError for a row of an argument that does not exist."""
        arguments = self.arguments()
        extra = set(self.rows) - set(arguments)
        assert not extra, f"{self.name} has no {extra}"
        for name in arguments:
            given = self.rows.get(name)
            if isinstance(given, Refused):
                yield Row(self.name, name, *self._refused(name, given))
            elif given is None:
                yield Row(self.name, name, *self._tried(name))
            else:
                yield Row(self.name, name, *self._differ(*given))

    def _refused(self, name: str, row: Refused) -> tuple[str, str]:
        try:
            self.result(**(row.given if isinstance(row.given, dict) else {name: row.given}))
        except REFUSALS as error:
            if row.says in str(error):
                return "refused", f"`{row.says}`"
            return "unused", f"refused with other words: {error}"
        return "unused", f"{_told(row.given)} is taken"

    def _differ(self, one: dict[str, Any], other: dict[str, Any]) -> tuple[str, str]:
        both = f"{_told(one)} and {_told(other)}"
        try:
            equal = self._bits(**one) == self._bits(**other)
        except REFUSALS as error:
            return "unused", f"{both}: {type(error).__name__}: {error}"
        return ("unused", f"{both} give one result") if equal else ("used", f"{both} give other results")

    def _tried(self, name: str) -> tuple[str, str]:
        found: list[tuple[Any, Any]] = []
        for value in CANDIDATES:
            try:
                bits = self._bits(**{name: value})
            except REFUSALS:
                continue
            for other, others in found:
                if others != bits:
                    return "used", f"{_told({name: other})} and {_told({name: value})} give other results"
            found.append((value, bits))
        return "unused", f"{len(found)} values give one result"

    def _bits(self, **given: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bits(self.result(**given))


@dataclass
class Thing:
    """An object whose attributes are audited.

    settable: attribute -> a function that sets it on the object, and returns two results that differ because
    of it. Every other public attribute has to be refused; so has one that does not exist.
    """

    name: str
    make: Callable[[], Any]
    settable: Mapping[str, Callable[[Any], tuple[Any, Any]]] = field(default_factory=dict)
    authors: bool = False
    """Whether its authors may set attributes of their own in its methods: only typing errors are refused."""

    def audit(self) -> Iterator[Row]:
        """The rows."""
        made = self.make()
        missing = set(self.settable) - set(attributes(made))
        assert not missing, f"{self.name} has no {missing}"
        options = [name for name in getattr(made, "_options", ()) if len(name) > 3]
        unknown = [f"{name}s" for name in options] if self.authors else ["no_such_attribute"]
        for name in (*attributes(made), *unknown):
            one = self.make()
            if name in self.settable:
                before, after = (bits(value) for value in self.settable[name](one))
                verdict = "used" if before != after else "unused"
                yield Row(self.name, f".{name}", verdict, "setting it changes what follows")
                continue
            try:
                setattr(one, name, getattr(one, name, 1))
            except (AttributeError, TypeError) as error:
                yield Row(self.name, f".{name}", "refused", f"`{_short(str(error))}`")
            else:
                yield Row(self.name, f".{name}", "unused", "is taken, and no row shows a use")


def attributes(made: Any) -> list[str]:
    """The public attributes of an object that are no methods."""
    names = {*dir(made), *vars(made)} if hasattr(made, "__dict__") else set(dir(made))
    return [
        name
        for name in sorted(names)
        if not name.startswith("_")
        and not callable(inspect.getattr_static(type(made), name, None))
        and not isinstance(inspect.getattr_static(type(made), name, None), (classmethod, staticmethod))
    ]


def bits(value: Any) -> Any:
    """Anything as values that == compares bit for bit."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, np.asarray(value).tobytes()
    if isinstance(value, Mapping):
        return {name: bits(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(one) for one in value]
    return repr(value)


def markdown(rows: list[Row]) -> str:
    """The table as a page."""
    lines = ["| of | argument or attribute | verdict | how it shows |", "|---|---|---|---|"]
    for subject, what, verdict, how in rows:
        lines.append(f"| {subject} | `{what}` | {verdict} | {how.replace('|', '/')} |")
    return "\n".join(lines)


def _told(given: Any) -> str:
    if isinstance(given, dict):
        return "`" + ", ".join(f"{name}={_value(value)}" for name, value in given.items()) + "`"
    return f"`{_value(given)}`"


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return _short(repr(value).split(" object at ")[0].replace("\n", " "), 40)


def _short(text: str, most: int = 70) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
