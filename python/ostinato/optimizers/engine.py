"""An optimizer's equation in the engine: traced once, compiled once for each number type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ostinato import _core
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.optimizers.arrays import Array, Entry, dense
from ostinato.trace import trace_update
from ostinato.trace.updates import Update

_CLIP = "clip_scale"


class Engine:
    """Runs an equation over parameters, with scaled gradients if they are clipped."""

    def __init__(self, name: str, update: Update, slots: Sequence[str], scalars: Sequence[str]) -> None:
        """Take the equation and the names of its slots and scalars. It is traced at the first step."""
        self._name = name
        self._update = update
        self._slots = tuple(slots)
        self._scalars = tuple(scalars)
        self._made: dict[tuple[str, bool], _core.Update] = {}

    def prepare(self, entries: Sequence[Entry], scale: float) -> None:
        """Trace and compile the equation. Raises TraceError."""
        for dtype in {entry.param.dtype.name for entry in entries}:
            self._of(dtype, scale)

    def step(self, entries: Sequence[Entry], scalars: Sequence[float], scale: float) -> None:
        """One step for all entries, their gradients multiplied with `scale`."""
        by_dtype: dict[str, list[Entry]] = {}
        for entry in entries:
            by_dtype.setdefault(entry.param.dtype.name, []).append(entry)
        for dtype, own in by_dtype.items():
            arrays = [_dense(entry, self._slots) for entry in own]
            numbers = [*scalars, scale] if scale != 1.0 else list(scalars)
            self._of(dtype, scale).step(arrays, numbers)
            for entry, (param, _, *slots) in zip(own, arrays, strict=True):
                # Arrays that were not dense were copied.
                for one, new in zip((entry.param, *entry.slots.values()), (param, *slots), strict=True):
                    if one is not new:
                        one[...] = new

    @cached_property
    def program(self) -> _core.Program:
        """The equation as a program, without clipping. Raises TraceError."""
        return self._program(clipped=False)

    def _of(self, dtype: str, scale: float) -> _core.Update:
        key = dtype, scale != 1.0
        if key not in self._made:
            self._made[key] = _core.Update(self._program(clipped=key[1]), dtype)
        return self._made[key]

    def _program(self, clipped: bool) -> _core.Program:
        if not clipped:
            return trace_update(self._name, self._update, self._slots, self._scalars)

        def update(param: Value, grad: Value, slots: Names[Value], s: Names[Value]) -> Any:
            return self._update(param, grad * s[_CLIP], slots, s)

        return trace_update(self._name, update, self._slots, (*self._scalars, _CLIP))


def _dense(entry: Entry, slots: Sequence[str]) -> list[Array]:
    arrays = (entry.param, entry.grad, *(entry.slots[slot] for slot in slots))
    return [dense(one) for one in arrays]
