"""Steps without parameters and states: functions and regularizers as programs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ostinato import ops
from ostinato.cell import Cell
from ostinato.dims import describe
from ostinato.errors import ConfigError, ShapeError
from ostinato.network.graph import Unit
from ostinato.regularizer import Regularizer
from ostinato.trace import Shape, trace_cell, trace_step


def step_of(fn: Callable[..., Any], shapes: Sequence[Shape]) -> Unit:
    """`fn` of one value per shape, traced. Raises TraceError, ShapeError or ConfigError."""
    name = getattr(fn, "__name__", "")
    name = name if name.isidentifier() else "apply"

    def step(*values: Any) -> tuple[Any, dict[str, Any]]:
        y = fn(*values[: len(shapes)])
        shape = getattr(y, "shape", None)
        if shape is not None and len(shape) > 1:
            raise ShapeError(f"apply: {name} returns shape {describe(shape)}; expected (n,), or one number")
        return (ops.reshape(y, (1,)) if shape == () else y), {}

    inputs = dict(zip(_names(fn, len(shapes)), shapes, strict=True))
    program = trace_step(name, step, inputs, {}, {}, {})
    (_, (size,)), *_ = program.outputs
    return Unit(program, {}, {}, size)


def regularized(regularizer: Regularizer, width: int) -> Unit:
    """What a regularizer does to a value of `width` features, as a step.

    Raises ConfigError for a regularizer of what only a cell has, such as its weights or states.
    """
    message = (
        f"{regularizer!r} does not stand alone: it is for weights, states or products, which a layer has; "
        f"write regularizers=[{regularizer!r}] in the layer that it is for"
    )
    kind = type(regularizer)
    if all(
        getattr(kind, place) is getattr(Regularizer, place) for place in ("input", "output", "step_penalty")
    ):
        raise ConfigError(message)
    try:
        traced = trace_cell(_Value(regularizer.name), width, width, [regularizer])
    except ConfigError as error:
        raise ConfigError(f"{message} ({error})") from error
    return Unit(traced.program, {}, {}, width, traced.inference, penalty=traced.penalty)


class _Value(Cell):
    """The step that returns its input."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:  # type: ignore[override]
        """The name of the regularizer, for messages."""
        return self._name

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        """Return x."""
        return x, {}


def _names(fn: Callable[..., Any], count: int) -> list[str]:
    """What `fn` calls its values, for messages; x0, x1, ... where it has other parameters."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return names if len(names) == count else [f"x{place}" for place in range(count)]
