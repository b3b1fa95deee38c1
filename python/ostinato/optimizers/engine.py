"""An optimizer's equation in the engine: traced once, compiled once for each number type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ostinato import _core
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.optimizers.arrays import Array, Entry, dense
from ostinato.optimizers.planned import Overflow
from ostinato.trace import trace_update
from ostinato.trace.updates import Update

_CLIP = "clip_scale"


class EnginePart:
    """The step of some parameters of one dtype: the engine computes it once to check it, once to take it."""

    def __init__(
        self, update: _core.Update, entries: Sequence[Entry], slots: Sequence[str], scalars: Sequence[float]
    ) -> None:
        self._update, self._entries, self._slots, self._scalars = update, entries, slots, scalars
        self._arrays = [_dense(entry, slots) for entry in entries]
        self._step = update.plan(self._arrays, scalars)

    @property
    def is_taken(self) -> bool:
        """Whether new values were written."""
        return self._step.is_taken

    def overflow(self) -> Overflow | None:
        """The first number that would not be finite."""
        found = self._step.check()
        if found is None:
            return None
        # The check keeps no values: this one is computed again.
        segment, stream, element = found
        alone = [one.reshape(-1)[element : element + 1].copy() for one in self._arrays[segment]]
        self._update.plan([alone], self._scalars).take()
        slot = ("", "", *self._slots)[stream]
        return Overflow.at(self._entries[segment], slot, alone[stream][0], element)

    def take(self) -> None:
        """Take the step; taken twice, it changes nothing more."""
        self._step.take()
        for entry, (param, _, *slots) in zip(self._entries, self._arrays, strict=True):
            # Arrays that were not dense were copied.
            for one, new in zip((entry.param, *entry.slots.values()), (param, *slots), strict=True):
                if one is not new:
                    one[...] = new


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

    def plan(self, entries: Sequence[Entry], scalars: Sequence[float], scale: float) -> list[EnginePart]:
        """One step for all entries, their gradients multiplied with `scale`; nothing changes yet."""
        by_dtype: dict[str, list[Entry]] = {}
        for entry in entries:
            by_dtype.setdefault(entry.param.dtype.name, []).append(entry)
        numbers = [*scalars, scale] if scale != 1.0 else list(scalars)
        return [
            EnginePart(self._of(dtype, scale), own, self._slots, numbers) for dtype, own in by_dtype.items()
        ]

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
