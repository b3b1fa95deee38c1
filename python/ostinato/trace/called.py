"""Cells whose step cannot be traced: the engine calls their `step` and `vjp` in Python.

The program of such a cell is one op, `call`, whose function is a `CalledStep`. Everything else (layers,
lengths, BPTT modes, regularizers of input, output and states) treats it like any other program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ostinato import ops
from ostinato.cell import Cell, Declared
from ostinato.dims import describe
from ostinato.errors import OstinatoError, PluginError, ShapeError, described, shown
from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.settings import ignoring
from ostinato.trace.value import Traced
from ostinato.trace.where import author_line

Floats: TypeAlias = NDArray[np.float64]
Shapes: TypeAlias = dict[str, tuple[int, ...]]


def has_vjp(cell: Cell) -> bool:
    """Whether the cell has its own gradient."""
    return callable(getattr(cell, "vjp", None))


class CalledStep:
    """A cell's `step` and `vjp` as the engine calls them: float64 rows in, float64 rows out.

    `why` is the reason why the step could not be traced. Raises PluginError for errors of the cell,
    ShapeError for arrays of other shapes than it declares.
    """

    def __init__(self, cell: Cell, made: Declared, why: str) -> None:
        self.cell, self.why = cell, why
        self._owner = f"{cell._noun} {cell.name!r}"
        self._params = _shapes(made.params)
        self._states = _shapes(made.states)
        self._inputs = int(made.sizes["input"])
        # The state that is also the output, if the step returns one array as both.
        self._same: str | None = None
        self.output_size = self._probe()

    @property
    def width(self) -> int:
        """The output (unless it is a state) and the states, from one row of `values`."""
        return self._own + _total(self._states)

    @property
    def _own(self) -> int:
        return 0 if self._same else self.output_size

    def traced(self, x: Value, state: Names[Traced], p: Names[Traced]) -> tuple[Value, dict[str, Value]]:
        """The step as traced: one op, and the parts of its result."""
        assert isinstance(x, Traced)
        recorder = x.recorder
        zero = recorder.constant(0.0)
        parts = [
            _joined([p[name] for name in self._params], zero),
            x.node,
            _joined([state[name] for name in self._states], zero),
        ]
        node, shape, _ = recorder.add("call", parts, {"shape": [self.width]})
        result = Traced(recorder, node, shape)
        new: dict[str, Value] = {}
        end = self._own
        for name, wanted in self._states.items():
            begin, end = end, end + math.prod(wanted)
            new[name] = ops.reshape(result[begin:end], state[name].shape)
        return new[self._same] if self._same else result[: self._own], new

    def __call__(self, part: str, rows: int, operands: list[Floats]) -> Floats:
        """The part to compute: "values", "back" (of x and states) or "gradient" (of the parameters)."""
        flat, x, s, *d = operands
        p = Names(self._owner, "parameter", self._split(flat, self._params, ()))
        x = _rows(x, rows)
        s = _rows(s, rows)[:, : _total(self._states)]
        d_rows = _rows(d[0], rows) if d else x
        one = self._whole if self.cell.batched else self._row_by_row
        return one(part, p, x, s, d_rows)

    def _whole(self, part: str, p: Names[Any], x: Floats, s: Floats, d: Floats) -> Floats:
        rows = (len(x),)
        state = Names(self._owner, "state", self._split(s, self._states, rows))
        if part == "values":
            output, new = self._stepped(x, state, p, rows)
            return np.concatenate([output[:, : self._own], *_flat(new, rows)], axis=1).ravel()
        d_x, d_s, d_p = self._gradients(x, state, p, d, rows)
        if part == "back":
            # The op has one column for states even if there are none.
            return np.concatenate([d_x, *(_flat(d_s, rows) or [np.zeros((*rows, 1))])], axis=1).ravel()
        return np.concatenate([one.ravel() for one in d_p.values()])

    def _row_by_row(self, part: str, p: Names[Any], x: Floats, s: Floats, d: Floats) -> Floats:
        results = []
        for row in range(len(x)):
            state = Names(self._owner, "state", self._split(s[row], self._states, ()))
            if part == "values":
                output, new = self._stepped(x[row], state, p, ())
                results.append(np.concatenate([output[: self._own], *_flat(new, ())]))
                continue
            d_x, d_s, d_p = self._gradients(x[row], state, p, d[row], ())
            if part == "back":
                results.append(np.concatenate([d_x, *(_flat(d_s, ()) or [np.zeros(1)])]))
            else:
                results.append(np.concatenate([one.ravel() for one in d_p.values()]))
        if part == "gradient":
            return np.asarray(sum(results[1:], results[0].copy()))
        return np.concatenate(results)

    def _stepped(
        self, x: Floats, state: Names[Any], p: Names[Any], rows: tuple[int, ...]
    ) -> tuple[Floats, dict[str, Floats]]:
        returned = self._guarded("step", self.cell.step, x, state, p)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise ShapeError(f"{self._owner}: step returns {shown(returned)}; expected output, new_states")
        output, new = returned
        if self._same and output is not new.get(self._same):
            raise ShapeError(
                f"{self._owner}: step returned its output as the new state {shown(self._same)} once, and "
                "now as "
                "another array; expected the same at every step (copy the output to keep them apart)"
            )
        return (
            self._array("step", "output", output, (*rows, self.output_size)),
            self._dict("step", "state", new, self._states, rows),
        )

    def _gradients(
        self, x: Floats, state: Names[Any], p: Names[Any], d: Floats, rows: tuple[int, ...]
    ) -> tuple[Floats, dict[str, Floats], dict[str, Floats]]:
        # If the output is a state, its gradient is part of the state's.
        own = d[..., : self._own]
        d_output = _frozen(np.zeros((*rows, self.output_size)) if self._same else own)
        d_state = self._split(d[..., self._own :], self._states, rows)
        vjp: Callable[..., Any] = getattr(self.cell, "vjp")  # noqa: B009 Only these cells have one.
        returned = self._guarded("vjp", vjp, x, state, p, d_output, Names(self._owner, "state", d_state))
        if not isinstance(returned, tuple) or len(returned) != 3:
            raise ShapeError(f"{self._owner}: vjp returns {shown(returned)}; expected d_x, d_state, d_params")
        d_x, d_s, d_p = returned
        return (
            self._array("vjp", "d_x", d_x, (*rows, self._inputs)),
            self._dict("vjp", "state", d_s, self._states, rows),
            self._dict("vjp", "parameter", d_p, self._params, ()),
        )

    def _guarded(self, method: str, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except OstinatoError:
            raise
        except Exception as error:
            place = author_line(error)
            raise PluginError(
                f"{self._owner}: {method} raised {described(error)}{place and f' ({place})'}"
            ) from error

    def _dict(
        self, method: str, noun: str, given: Any, shapes: Shapes, rows: tuple[int, ...]
    ) -> dict[str, Floats]:
        if not isinstance(given, Mapping) or set(given) != set(shapes):
            names = sorted(map(str, given)) if isinstance(given, Mapping) else repr(given)
            raise ShapeError(
                f"{self._owner}: {method} gives {names} for its {noun}s; expected {list(shapes)}"
            )
        return {
            name: self._array(method, f"{noun} {name!r}", given[name], (*rows, *shape))
            for name, shape in shapes.items()
        }

    def _array(self, method: str, what: str, value: Any, shape: tuple[int, ...]) -> Floats:
        array = np.asarray(value)
        if array.dtype.kind not in "fiu" or array.shape != shape:
            raise ShapeError(
                f"{self._owner}: {method} gives {what} as {array.dtype} of shape {describe(array.shape)}; "
                f"expected floats of shape {describe(shape)}"
            )
        return array.astype(np.float64, copy=False)

    def _probe(self) -> int:
        """The width of the output, from a step on zeros whose values are dropped."""
        rows = (1,) if self.cell.batched else ()
        zeros = Names(
            self._owner, "state", {k: _frozen(np.zeros((*rows, *v))) for k, v in self._states.items()}
        )
        p = Names(self._owner, "parameter", {k: _frozen(np.zeros(v)) for k, v in self._params.items()})
        x = _frozen(np.zeros((*rows, self._inputs)))
        returned = ignoring(self._guarded, "step", self.cell.step, x, zeros, p)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise ShapeError(f"{self._owner}: step returns {shown(returned)}; expected output, new_states")
        output, new = returned
        if isinstance(new, Mapping):
            self._same = next(
                (name for name, one in new.items() if one is output and name in self._states), None
            )
        shape = np.shape(output)
        if len(shape) != len(rows) + 1:
            expected = "(N, n)" if rows else "(n,)"
            raise ShapeError(
                f"{self._owner}: step returns an output of shape {describe(shape)}; expected {expected}"
            )
        return int(shape[-1])

    def _split(self, flat: Floats, shapes: Shapes, rows: tuple[int, ...]) -> dict[str, Floats]:
        """Named read-only copies of the parts of `flat`, which are concatenated along its last axis."""
        parts, end = {}, 0
        for name, shape in shapes.items():
            begin, end = end, end + math.prod(shape)
            parts[name] = _frozen(flat[..., begin:end].reshape(*rows, *shape))
        return parts


def _shapes(declared: Mapping[str, Any]) -> Shapes:
    return {name: tuple(int(size) for size in one.shape) for name, one in declared.items()}


def _total(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def _rows(values: Floats, rows: int) -> Floats:
    return _frozen(values.reshape(rows, -1))


def _frozen(values: Floats) -> Floats:
    """A read-only copy: changes by the author do not affect the engine."""
    copy: Floats = values.copy()
    copy.setflags(write=False)
    return copy


def _flat(parts: Mapping[str, Floats], rows: tuple[int, ...]) -> list[Floats]:
    return [one.reshape(*rows, -1) for one in parts.values()]


def _joined(values: list[Traced], zero: int) -> int:
    """The concatenation of all values; a number if there are none."""
    if not values:
        return zero
    recorder = values[0].recorder
    flat = [
        recorder.add("reshape", [one.node], {"shape": [math.prod(int(n) for n in one.shape)]})[0]
        for one in values
    ]
    return flat[0] if len(flat) == 1 else recorder.add("concat", flat, {})[0]
