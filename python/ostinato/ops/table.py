"""The op table: one row per op of the core, created by the decorator `@op` on its eager NumPy form.

An op is written once, as a function on NumPy values. The decorator adds it to `TABLE` and returns a function
of the same signature that runs the eager form on numbers and arrays, and records the op if an operand is
traced. Arguments named in `@op(...)` are attributes (plain numbers or shapes, fixed when the step is traced);
an argument called `index` takes ids; all others are operands.
"""

from __future__ import annotations

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

Value: TypeAlias = Any
"""A feature vector, matrix or number of one row: a NumPy array, a float, or a traced value.

The alias is Any because of the types of NumPy's own operators: with a union, each `a * b` of a step would be
an error.
"""


class Symbolic(ABC):
    """A symbolic value of a traced step; `ostinato.trace` creates them."""

    @abstractmethod
    def record(self, row: Row, operands: Sequence[Value], attrs: Mapping[str, Any]) -> Value:
        """Add one op to the program being traced and return its symbolic result."""


@dataclass(frozen=True)
class Row:
    """One op: its name in programs, which arguments are operands or attributes, its eager form."""

    name: str
    operands: tuple[str, ...]
    attrs: tuple[str, ...]
    variadic: bool
    eager: Callable[..., Value]


TABLE: dict[str, Row] = {}


def op(*attrs: str, name: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add the decorated eager function to the table, under its own name or `name`."""

    def enter(eager: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(eager)
        operands = tuple(one for one in signature.parameters if one not in attrs)
        variadic = any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values())
        row = Row(name or eager.__name__, operands, attrs, variadic, eager)
        TABLE[row.name] = row

        @functools.wraps(eager)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            tracer = first_symbolic(*args, *kwargs.values())
            if tracer is None:
                return eager(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            values = bound.arguments
            listed = list(values[operands[0]]) if variadic else [values[one] for one in operands]
            return cast(R, tracer.record(row, listed, {one: values[one] for one in attrs}))

        return call

    return enter


def first_symbolic(*values: object) -> Symbolic | None:
    """Return the first traced value among `values`, or None if all of them are numbers and arrays."""
    for value in values:
        if isinstance(value, Symbolic):
            return value
    return None
