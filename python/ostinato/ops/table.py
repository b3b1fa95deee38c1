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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np

from ostinato import checks
from ostinato.errors import DTypeError, OstinatoError, ShapeError, TraceError, described, shown

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

    def reduce(self, measure: str, extent: str) -> Value:
        """The sum, mean, norm or rms of this value over the "whole" parameter, or over a "row" or "column".

        Raises TraceError outside the equation of an optimizer.
        """
        raise TraceError(
            f"ops.{extent}.{measure} is for the equations of optimizers: it goes over the numbers of a "
            f"parameter; use ops.{'sqrt(ops.dot(v, v))' if measure == 'norm' else measure + '(v)'}"
            if measure != "rms"
            else f"ops.{extent}.rms is for the equations of optimizers; use ops.sqrt(ops.mean(v * v))"
        )


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
        # Given traced values alone, nothing is left to name or to check.
        plain = not attrs and not variadic
        TABLE[row.name] = row

        @functools.wraps(eager)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            tracer = first_symbolic(*args, *kwargs.values())
            if tracer is None:
                if attrs:
                    _check_attributes(row.name, _bound(row.name, signature, args, kwargs))
                with explained(row.name, signature, args, kwargs):
                    return eager(*args, **kwargs)
            if plain and not kwargs and len(args) == len(operands) and all_symbolic(args):
                return cast(R, tracer.record(row, args, {}))
            bound = _bound(row.name, signature, args, kwargs)
            bound.apply_defaults()
            _check_attributes(row.name, bound)
            values = bound.arguments
            listed = list(values[operands[0]]) if variadic else [values[one] for one in operands]
            return cast(R, tracer.record(row, listed, {one: values[one] for one in attrs}))

        return call

    return enter


def composed(function: Callable[P, R]) -> Callable[P, R]:
    """Decorates a function that is made of ops: what is wrong with its arguments is named, as of an op."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with explained(function.__name__, signature, args, kwargs):
            return function(*args, **kwargs)

    return call


class explained:
    """Within it, an error of Python's or NumPy's becomes one that names the op and the argument at fault."""

    def __init__(
        self, name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        """Keep what the error is explained by."""
        self._call = name, signature, args, kwargs

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, Exception):
            return
        name, signature, args, kwargs = self._call
        bound = _bound(name, signature, args, kwargs)
        _check_attributes(name, bound)
        shapes = [
            f"{one} is {'traced' if isinstance(value, Symbolic) else _numbers(name, one, value).shape}"
            for one, value in _operands(bound)
        ]
        shapes += [
            f"{one} is {shown(value)}"
            for one, value in bound.arguments.items()
            if bound.signature.parameters[one].annotation != "Value"
        ]
        if isinstance(error, OstinatoError):
            return
        raise ShapeError(f"{name}: {', '.join(shapes)}: {described(error)}") from error


def _bound(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    try:
        return signature.bind(*args, **kwargs)
    except TypeError as error:
        hint = ""
        if "axis" in kwargs or "dim" in kwargs:
            hint = (
                ": a value has the features of one row; a reduction is along the last axis, or along the "
                "argument axis"
            )
        raise TraceError(
            f"ops.{name}: {error}; its arguments are {', '.join(signature.parameters)}{hint}"
        ) from None


def _operands(bound: inspect.BoundArguments) -> list[tuple[str, Any]]:
    """The operands with their names; of `*values`, values[0] and so on."""
    found: list[tuple[str, Any]] = []
    for one in bound.signature.parameters.values():
        value = bound.arguments.get(one.name)
        if one.annotation != "Value" or (value is None and one.default is None):
            continue
        several = one.kind is one.VAR_POSITIONAL
        found += (
            [(f"{one.name}[{n}]", part) for n, part in enumerate(value or ())]
            if several
            else [(one.name, value)]
        )
    return found


def _numbers(name: str, argument: str, value: Any) -> Any:
    """An operand as an array. Raises DTypeError for what holds no numbers."""
    try:
        array = np.asarray(value)
    except Exception as error:
        raise DTypeError(
            f"{name}: {argument} is {shown(value)}, which makes no array: {described(error)}"
        ) from error
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{name}: {argument} is {shown(value)}; expected a number or an array of numbers")
    return array


def _check_attributes(name: str, bound: inspect.BoundArguments) -> None:
    """Raises ConfigError for an attribute of another type than the op declares."""
    for argument, value in bound.arguments.items():
        one = bound.signature.parameters[argument]
        if value is not one.default and not isinstance(value, Symbolic):
            checks.by_type(name, argument, one.annotation, value)


def all_symbolic(values: Iterable[object]) -> bool:
    """Return whether all of these are traced values."""
    return all(isinstance(value, Symbolic) for value in values)


def first_symbolic(*values: object) -> Symbolic | None:
    """Return the first traced value among `values`, or None if all of them are numbers and arrays."""
    for value in values:
        if isinstance(value, Symbolic):
            return value
    return None
