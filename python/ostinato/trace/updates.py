"""Tracing an optimizer's equation: a program for one number of a parameter, which runs for all numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ostinato import _core
from ostinato.errors import OstinatoError, TraceError, shown
from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.suggest import did_you_mean
from ostinato.trace.programs import placed
from ostinato.trace.recorder import Recorder
from ostinato.trace.value import Traced

Update = Callable[[Value, Value, Names[Value], Names[Value]], Any]
"""`(param, grad, slots, scalars) -> (new param, new slots)`."""


def trace_update(name: str, update: Update, slots: Sequence[str], scalars: Sequence[str]) -> _core.Program:
    """Trace an optimizer's equation: a program with inputs "param" and "grad", and a state per slot.

    Its parameters are the scalars, in their order; values that depend on them alone are computed once per
    step.

    Raises TraceError, with the author's line, for anything that is not elementwise, and for a wrong return
    value.
    """
    owner = f"optimizer {name!r}"
    only = frozenset(_core.elementwise_op_names())
    recorder = Recorder(name, {}, only, "an update computes each number of a parameter from its own alone")
    param = Traced(recorder, *recorder.declare("input", "param", ()))
    grad = Traced(recorder, *recorder.declare("input", "grad", ()))
    held = {key: Traced(recorder, *recorder.declare("state", key, ())) for key in slots}
    given = {key: Traced(recorder, *recorder.declare("param", key, ())) for key in scalars}
    try:
        returned = update(param, grad, Names(owner, "slot", held), Names(owner, "scalar", given))
        new, kept = checked_update(owner, returned, slots)
        outputs = [("param", _node(owner, recorder, "the new parameter", new))]
        updates = [(key, _node(owner, recorder, f"slot {key!r}", kept[key])) for key in slots]
    except OstinatoError as error:
        error.args = (placed(owner, error),)
        raise
    return recorder.finish(outputs, updates)


def checked_update(owner: str, returned: object, slots: Sequence[str]) -> tuple[Value, Mapping[str, Value]]:
    """Unpack the result of `update`; raise TraceError unless it is a value and one for each slot."""
    want = "return new_param, {" + ", ".join(f'"{key}": ...' for key in slots) + "}"
    if not isinstance(returned, tuple) or len(returned) != 2 or not isinstance(returned[1], Mapping):
        raise TraceError(f"{owner}: update returns {type(returned).__name__}; expected `{want}`")
    new, kept = returned
    for key in kept:
        if key not in slots:
            hint = did_you_mean(str(key), slots, "declared")
            raise TraceError(
                f"{owner}: update returns a slot {shown(key)} that `slots` does not declare; {hint}"
            )
    missing = [key for key in slots if key not in kept]
    if missing:
        raise TraceError(f"{owner}: update does not return slot {shown(missing[0])}; expected `{want}`")
    return new, kept


def _node(owner: str, recorder: Recorder, what: str, value: Value) -> int:
    if not isinstance(value, Traced):
        return recorder.constant(value)
    recorder.check_same(value.recorder, what)
    return value.node
