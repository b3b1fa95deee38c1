"""Tracing an optimizer's equation: a program for one number of a parameter, which runs for all numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class TracedUpdate:
    """The program of an update, and what its sources and outputs are to a parameter.

    slots: the form of each; reductions: (measure, what it goes over), in the order of their operands among
    the outputs.
    """

    program: _core.Program
    slots: Mapping[str, str]
    reductions: tuple[tuple[str, str], ...]

    def compiled(self, dtype: str) -> _core.Update:
        """The update for parameters of one number type. Raises TraceError."""
        return _core.Update(self.program, dtype, list(self.slots.values()), list(self.reductions))


def trace_update(name: str, update: Update, slots: Mapping[str, str], scalars: Iterable[str]) -> TracedUpdate:
    """Trace an optimizer's equation: a program with inputs "param" and "grad", and a state per slot.

    `slots` are names and forms. Parameters of the program are the scalars, in their order, and then slots of
    form "scalar"; values that depend on them alone are computed once per step, or once per parameter. A
    reduction is an output, its operand, and an input or a parameter, its result.

    Raises TraceError, with the author's line, for anything that is not elementwise or a reduction over a
    parameter, and for a wrong return value.
    """
    owner = f"optimizer {name!r}"
    only = frozenset(_core.elementwise_op_names())
    why = (
        "an update computes each number of a parameter from its own, and from what ops.whole, ops.row and "
        "ops.column make of the others"
    )
    recorder = Recorder(name, {}, only, why)
    param = Traced(recorder, *recorder.declare("input", "param", ()))
    grad = Traced(recorder, *recorder.declare("input", "grad", ()))
    numbers = [key for key, form in slots.items() if form == "scalar"]
    held = {key: Traced(recorder, *recorder.declare("state", key, ())) for key in slots if key not in numbers}
    given = {key: Traced(recorder, *recorder.declare("param", key, ())) for key in scalars}
    held |= {key: Traced(recorder, *recorder.declare("param", key, ())) for key in numbers}
    operands: dict[tuple[int, str, str], int] = {}

    def reduce(node: int, measure: str, extent: str) -> int:
        key = node, measure, extent
        if key not in operands:
            called = _called(len(operands), measure, extent)
            operands[key] = recorder.declare("param" if extent == "whole" else "input", called, ())[0]
        return operands[key]

    recorder.reducing = reduce
    try:
        returned = update(param, grad, Names(owner, "slot", held), Names(owner, "scalar", given))
        new, kept = checked_update(owner, returned, list(slots))
        outputs = [("param", _node(owner, recorder, "the new parameter", new))]
        nodes = {key: _node(owner, recorder, f"slot {key!r}", kept[key]) for key in slots}
        outputs += [(key, nodes[key]) for key in numbers]
        outputs += [(_called(n, measure, extent), node) for n, (node, measure, extent) in enumerate(operands)]
        updates = [(key, nodes[key]) for key in slots if key not in numbers]
    except OstinatoError as error:
        error.args = (placed(owner, error),)
        raise
    reductions = tuple((measure, extent) for _, measure, extent in operands)
    return TracedUpdate(recorder.finish(outputs, updates), dict(slots), reductions)


def _called(number: int, measure: str, extent: str) -> str:
    """The name of a reduction and its operand in programs: so the hash depends on what they are."""
    return f"reduction_{number + 1}_{extent}_{measure}"


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
