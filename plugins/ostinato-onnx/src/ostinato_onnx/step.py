"""The step program of one layer: what stands before the `Scan`, in its body, and after it.

A node belongs to one of four levels:

- before: it depends on parameters, rows, memories or inputs alone. It is computed for all steps together.
- loop: the next states depend on it, or it has values on entries at each step, which would be large.
- after: it depends on states, and no state depends on it. It is computed for all steps together.

Scan has no lengths: the mask of valid steps is one more sequence, and a state keeps its old value at a step
that is not valid. A backward direction scans from the end, so it holds its initial state through the padding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from onnx import ValueInfoProto, helper

from ostinato_onnx.context import Context
from ostinato_onnx.emitter import BOOL, INT64, Emitter
from ostinato_onnx.ops import TABLE
from ostinato_onnx.value import Value, aligned

Node = Mapping[str, Any]


@dataclass
class Layer:
    """A step program and its operands.

    inputs, memories, params: values for the sources of the program in their order. states: the initial
    states, with lead "N" (or "NS"), or None for zeros. valid: the mask of steps (T, N), or None.
    """

    program: Mapping[str, Any]
    inputs: Sequence[Value]
    params: Sequence[Value]
    memories: Sequence[Value]
    states: Sequence[Value | None]
    valid: str | None
    backward: bool


@dataclass
class Result:
    """Outputs by name, (T, N, *shape) or (N, *shape), and the states after the last valid step."""

    outputs: dict[str, Value]
    states: list[Value]


def sources(program: Mapping[str, Any], kind: str) -> list[int]:
    """The numbers of the sources of a kind: "input", "state", "param" or "memory"."""
    return [k for k, node in enumerate(program["nodes"]) if node["op"] == kind]


def run(c: Context, layer: Layer) -> Result:
    """Emit all steps of a layer."""
    program = layer.program
    nodes: list[Node] = program["nodes"]
    given: dict[int, Value] = {}
    for kind, these in (("input", layer.inputs), ("param", layer.params), ("memory", layer.memories)):
        given |= dict(zip(sources(program, kind), these, strict=True))
    state_nodes = sources(program, "state")
    updates = dict(program["updates"])
    levels = _levels(nodes, given, [updates[nodes[k]["name"]] for k in state_nodes])
    values = dict(given)
    for k, node in enumerate(nodes):
        if levels[k] == "before" and k not in values:
            values[k] = _emit(c, node, values)
    loop = [k for k in range(len(nodes)) if levels[k] == "loop"]
    states: list[Value] = []
    if loop:
        states = _scan(c, layer, levels, loop, values, state_nodes, updates)
    for k, node in enumerate(nodes):
        if levels[k] == "after":
            values[k] = _emit(c, node, values)
    return Result({name: values[k] for name, k in program["outputs"]}, states)


def _emit(c: Context, node: Node, values: Mapping[int, Value]) -> Value:
    make = TABLE.get(node["op"])
    if make is None:
        why = "a step in NumPy" if node["op"] == "call" else f"the op {node['op']!r}"
        raise c.refused(why, "write the step with the ops of docs/step-language.md")
    return make(c, node, [values[k] for k in node.get("args", ())])


def _levels(nodes: Sequence[Node], given: Mapping[int, Value], updates: Sequence[int]) -> dict[int, str]:
    varies: list[bool] = []  # depends on a step or on a state
    wide: list[bool] = []  # has values on entries
    late: list[bool] = []  # cannot be computed before the loop
    needed: set[int] = set()  # the loop computes it
    for k, node in enumerate(nodes):
        args = node.get("args", ())
        state = node["op"] == "state"
        varies.append(state or (k in given and "T" in given[k].lead) or any(varies[arg] for arg in args))
        reads_entries = any(wide[arg] for arg in args)
        wide.append(
            node["op"] == "memory"
            or (state and "axis" in node)
            or (reads_entries and node["op"] not in _TO_ROW)
        )
        large = varies[k] and (wide[k] or reads_entries)
        late.append(state or large or any(late[arg] for arg in args))
        if state or large:
            needed.add(k)
    pending = [*needed, *(k for k in updates if late[k])]
    while pending:
        k = pending.pop()
        needed.add(k)
        pending += [arg for arg in nodes[k].get("args", ()) if late[arg] and arg not in needed]
    return {k: ("loop" if k in needed else "after") if late[k] else "before" for k in range(len(nodes))}


# These make one value of the row of the values on its entries.
_TO_ROW = ("entries_sum", "entries_mean", "entries_max", "entries_logsumexp", "entries_count")


def _scan(
    c: Context,
    layer: Layer,
    levels: Mapping[int, str],
    loop: Sequence[int],
    values: dict[int, Value],
    state_nodes: Sequence[int],
    updates: Mapping[str, int],
) -> list[Value]:
    nodes: list[Node] = layer.program["nodes"]
    g, body = c.g, Emitter(c.g.dtype, c.g)
    inner = replace(c, g=body)
    infos: list[ValueInfoProto] = []
    local: dict[int, Value] = {k: one for k, one in values.items() if "T" not in one.lead}

    def enter(value: Value, hint: str) -> Value:
        one = replace(value, name=body.declare(g.name(hint)), truth=None)
        infos.append(_info(one, g))
        return one

    # the states
    initial = []
    memories = zip(sources(layer.program, "memory"), layer.memories, strict=True)
    axes = {nodes[k]["axis"]: memory.entries for k, memory in memories}
    for k, start in zip(state_nodes, layer.states, strict=True):
        full = start or _zeros(c, nodes[k], axes.get(nodes[k].get("axis")))
        initial.append(full)
        local[k] = enter(full, nodes[k]["name"])
    held = [local[k] for k in state_nodes]
    # the sequences
    sequences: list[str] = []
    valid = None
    if layer.valid is not None and state_nodes:
        sequences.append(layer.valid)
        valid = enter(Value("", "N", ()), "valid")
        infos[-1] = helper.make_tensor_value_info(valid.name, BOOL, [None])
    used = {arg for k in loop for arg in nodes[k].get("args", ())}
    for k, value in values.items():
        if "T" in value.lead and (k in used or k in updates.values()):
            sequences.append(value.name)
            local[k] = enter(replace(value, lead=value.lead.replace("T", "")), "x")
    if not sequences:  # a Scan has at least one sequence
        size = g.op("Squeeze", c.dims.steps[c.steps], g.ints(0))
        sequences.append(g.op("Range", g.constant(0, "int64"), size, g.constant(1, "int64")))
        clock = body.declare(g.name("clock"))
        infos.append(helper.make_tensor_value_info(clock, INT64, []))
    for k in loop:
        if k not in local:
            local[k] = _emit(inner, nodes[k], local)
    # what comes out: states, then what is read after the loop
    outputs: list[ValueInfoProto] = []
    for old, k in zip(held, state_nodes, strict=True):
        new = inner.full(local[updates[nodes[k]["name"]]], old.lead, old.entries)
        name = new.name
        if valid is not None:
            truth = aligned(body, Value(valid.name, "N", ()), old.lead, len(old.shape))
            name = body.op("Where", truth, new.name, old.name)
        outputs.append(_info(replace(old, name=body.rename(name, g.name("next"))), g))
    read = {arg for k, level in levels.items() if level == "after" for arg in nodes[k].get("args", ())}
    read |= {k for _, k in layer.program["outputs"]}
    after = [k for k in loop if k in read]
    for k in after:
        one = inner.full(local[k], "NS" if "S" in local[k].lead else "N", local[k].entries)
        outputs.append(_info(replace(one, name=body.rename(one.name, g.name("y"))), g))
    graph = body.graph(layer.program["name"], infos, outputs)
    direction = int(layer.backward)
    made = g.outputs(
        "Scan",
        [*(one.name for one in initial), *sequences],
        len(outputs),
        body=graph,
        num_scan_inputs=len(sequences),
        scan_input_directions=[direction] * len(sequences),
        scan_output_directions=[direction] * len(after),
    )
    for k, name in zip(after, made[len(held) :], strict=True):
        one = local[k]
        lead = "TNS" if "S" in one.lead else "TN"
        values[k] = replace(one, name=name, lead=lead, truth=None)
    return [replace(one, name=name) for one, name in zip(initial, made, strict=False)]


def _zeros(c: Context, node: Node, entries: str | None) -> Value:
    shape = c.shape(node["shape"])
    zeros = Value(c.g.zeros(shape), "", shape)
    return c.full(zeros, "NS" if entries else "N", entries)


def _info(value: Value, g: Emitter) -> ValueInfoProto:
    shape: list[Any] = [None] * len(value.lead) + list(value.shape)
    return helper.make_tensor_value_info(value.name, INT64 if value.is_id else g.float_type, shape)
