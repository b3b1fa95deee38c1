"""An optimizer's equation in the engine: traced once, compiled once for each number type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ostinato import _core
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.optimizers.arrays import Array, Entry, dense
from ostinato.optimizers.planned import Overflow
from ostinato.optimizers.slots import SlotForms
from ostinato.trace import TracedUpdate, trace_update
from ostinato.trace.updates import Update

_CLIP = "clip_scale"


class EnginePart:
    """The step of some parameters of one dtype: the engine computes it once to check it, once to take it."""

    def __init__(self, update: _core.Update, entries: Sequence[Entry], scalars: Sequence[float]) -> None:
        self._entries = entries
        self._arrays = [_dense(entry) for entry in entries]
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
        parameter, array, element, value = found
        entry = self._entries[parameter]
        return Overflow.at(entry, ("", "", *entry.forms)[array], value, element)

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

    def __init__(self, name: str, update: Update, scalars: Sequence[str]) -> None:
        """Take the equation and the names of its scalars. It is traced at the first step."""
        self._name = name
        self._update = update
        self._scalars = tuple(scalars)
        self._traced: dict[tuple[tuple[tuple[str, str], ...], bool], TracedUpdate] = {}
        self._made: dict[tuple[Any, str], _core.Update] = {}

    def prepare(self, entries: Sequence[Entry], scale: float) -> None:
        """Trace and compile the equation. Raises TraceError."""
        for entry in entries:
            self._of(entry, scale)

    def plan(self, entries: Sequence[Entry], scalars: Sequence[float], scale: float) -> list[EnginePart]:
        """One step for all entries, their gradients multiplied with `scale`; nothing changes yet."""
        groups: dict[int, tuple[_core.Update, list[Entry]]] = {}
        for entry in entries:
            update = self._of(entry, scale)
            groups.setdefault(id(update), (update, []))[1].append(entry)
        numbers = [*scalars, scale] if scale != 1.0 else list(scalars)
        return [EnginePart(update, own, numbers) for update, own in groups.values()]

    def traced(self, forms: SlotForms, *, clipped: bool = False) -> TracedUpdate:
        """The equation for parameters with slots of these forms. Raises TraceError."""
        key = tuple(forms.items()), clipped
        if key not in self._traced:
            self._traced[key] = self._trace(forms, clipped)
        return self._traced[key]

    def _of(self, entry: Entry, scale: float) -> _core.Update:
        dtype = entry.param.dtype.name
        key = (tuple(entry.forms.items()), scale != 1.0), dtype
        if key not in self._made:
            self._made[key] = self.traced(entry.forms, clipped=scale != 1.0).compiled(dtype)
        return self._made[key]

    def _trace(self, forms: SlotForms, clipped: bool) -> TracedUpdate:
        if not clipped:
            return trace_update(self._name, self._update, forms, self._scalars)

        def update(param: Value, grad: Value, slots: Names[Value], s: Names[Value]) -> Any:
            return self._update(param, grad * s[_CLIP], slots, s)

        return trace_update(self._name, update, forms, (*self._scalars, _CLIP))


def _dense(entry: Entry) -> list[Array]:
    return [dense(one) for one in (entry.param, entry.grad, *entry.slots.values())]
