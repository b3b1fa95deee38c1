"""The check of cells with memories: sequences of other lengths, which every step reads as a whole."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from ostinato import eager
from ostinato.layers.recurrent import Recurrent
from ostinato.testing.arrays import Arrays, differing
from ostinato.testing.problem import learned
from ostinato.testing.runner import Check, Failed, check
from ostinato.testing.slopes import compare, slope

STEPS, ENTRIES = 4, 5
# Rows without a step, without an entry, with one of each, with all.
LENGTHS, COUNTS = [4, 0, 1, 4, 3], [0, 2, 1, 5, 3]
ALLOWED = 1e-12


class Reader(Protocol):
    """What the check wants of a model of a cell."""

    def network(self, inputs: int, hidden: int) -> Recurrent:
        """A layer of the cell in float64."""

    def hidden(self, inputs: int, hidden: int) -> int:
        """A hidden size that the cell accepts."""


def _memories(model: Reader) -> dict[str, int]:
    return model.network(3, model.hidden(3, 5)).memories


def without_memories(one: Check[Any]) -> Check[Any]:
    """The check, for cells without memories."""

    def applies(model: Any) -> str | None:
        return "it reads memories: see the check memories" if _memories(model) else one.applies(model)

    return replace(one, applies=applies)


@check("memories", lambda model: None if _memories(model) else "it has no memory")
def memories(model: Reader) -> None:
    """With ragged memories, the engine gives what the step gives in NumPy, and its slopes, in any batch."""
    hidden = model.hidden(3, 5)
    net = model.network(3, hidden)
    rng = np.random.default_rng(7)
    for view in net.parameters().values():
        view[...] = rng.standard_normal(view.shape) / np.sqrt(max(view.shape[-1:], default=1))
    rows = len(LENGTHS)
    x: Arrays = {"x": rng.standard_normal((rows, STEPS, 3))}
    x |= {name: rng.standard_normal((rows, ENTRIES, width)) for name, width in net.memories.items()}
    for name, value in x.items():
        for row, count in enumerate(LENGTHS if name == "x" else COUNTS):
            value[row, count:] = np.nan
    lengths: dict[str, Any] = {"time": LENGTHS, **{name: COUNTS for name in net.memories}}

    run = net.run(x, lengths=lengths, training=True)
    _eager(net, x, run.outputs, hidden)
    d = rng.standard_normal(run.outputs.shape)
    for row, length in enumerate(LENGTHS):
        d[row, length:] = 0
    gradients = run.backward(d)

    def scalar() -> float:
        return float((net(x, lengths=lengths) * d).sum())

    found = [(name, gradients.params[name], slope(scalar, view)) for name, view in learned(net).items()]
    for name, value in x.items():
        numeric = np.where(np.isnan(value), 0.0, slope(scalar, value))
        found.append((name, gradients.inputs[name], numeric))
    compare(found, "with memories")

    whole = {"outputs": run.outputs, **gradients.inputs}
    for row in range(rows):
        own = {name: [counts[row]] for name, counts in lengths.items()}
        alone = net.run({name: value[row : row + 1] for name, value in x.items()}, lengths=own, training=True)
        back = alone.backward(d[row : row + 1])
        there = {"outputs": alone.outputs, **back.inputs}
        changed = differing({name: value[row : row + 1] for name, value in whole.items()}, there)
        if changed:
            raise Failed(f"row {row} alone has other bits than in a batch: {', '.join(changed)}")
    _hoisted(net)


def _eager(net: Recurrent, x: Arrays, outputs: Any, hidden: int) -> None:
    assert net.cell is not None
    params = {name.removesuffix("_l0"): view for name, view in net.parameters().items()}
    for row, (length, count) in enumerate(zip(LENGTHS, COUNTS, strict=True)):
        read = {name: x[name][row, :count] for name in net.memories}
        with np.errstate(all="ignore"):
            mine, _ = eager.run(net.cell, params, x["x"][row, :length], hidden_size=hidden, memories=read)
        apart = float(np.abs(mine - outputs[row, :length]).max(initial=0.0))
        if not apart <= ALLOWED * max(1.0, float(np.abs(mine).max(initial=0.0))):
            raise Failed(
                f"row {row} with {count} entries is {apart:.3g} from what step computes on NumPy "
                "arrays; is a value divided by the number of entries, which may be 0?"
            )


def _hoisted(net: Recurrent) -> None:
    """Raises Failed where a product of a memory with parameters is computed at every step."""
    for program, plan in zip(net.programs.values(), net.plans(), strict=True):
        nodes = json.loads(program.to_json())["nodes"]
        sources = {place for place, node in enumerate(nodes) if node["op"] == "memory"}
        products = [node for node in nodes if node["op"] == "matmul" and node["args"][1] in sources]
        if products and "once_per_entry" not in plan:
            raise Failed(
                "a product of a memory with parameters is computed at every step, not once per entry"
            )
