"""The check of cells with memories: sequences of other lengths, which every step reads as a whole."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from ostinato import eager
from ostinato.layers.recurrent import Recurrent
from ostinato.network import Gradients, Run
from ostinato.settings import ignoring
from ostinato.testing.arrays import Array, Arrays, differing
from ostinato.testing.networks.backwards import DRAWS
from ostinato.testing.networks.model import with_threads
from ostinato.testing.problem import learned
from ostinato.testing.runner import Check, Failed, check
from ostinato.testing.slopes import Kink, compare, smooth_slopes

STEPS, ENTRIES = 4, 5
# Rows without a step, without an entry, with one of each, with all.
LENGTHS, COUNTS = [4, 0, 1, 4, 3], [0, 2, 1, 5, 3]
ALLOWED = 1e-12


class Reader(Protocol):
    """What the check wants of a model of a cell."""

    def network(self, inputs: int, hidden: int) -> Recurrent:
        """A layer of the cell in float64."""

    def sizes(self, inputs: int, hidden: int) -> tuple[int, int]:
        """Sizes that the cell accepts."""


def _memories(model: Reader) -> dict[str, int]:
    return model.network(*model.sizes(3, 5)).memories


def without_memories(one: Check[Any]) -> Check[Any]:
    """The check, for cells without memories."""

    def applies(model: Any) -> str | None:
        return "it reads memories: see the check memories" if _memories(model) else one.applies(model)

    return replace(one, applies=applies)


@check("memories", lambda model: None if _memories(model) else "it has no memory")
def memories(model: Reader) -> None:
    """With ragged memories, the engine gives what the step gives in NumPy, and its slopes, in any batch."""
    inputs, hidden = model.sizes(3, 5)
    reads_memories(model.network(inputs, hidden), hidden, inputs)


def reads_memories(net: Recurrent, hidden: int, inputs: int = 3) -> None:
    """Raise Failed if a layer with memories, in float64, breaks a promise; its parameters are changed.

    Rows without entries, with one entry and with all; NaN beyond the lengths. Outputs are what the step gives
    in NumPy, gradients the numeric ones; a row alone and any number of threads give the same bits; products
    of a memory with parameters are outside of the loop.
    """
    found = ""
    for draw in range(DRAWS):
        try:
            _reads(net, hidden, inputs, np.random.default_rng([7, draw]))
        except Kink as kink:
            found = str(kink)
            continue
        return
    raise Failed(f"each of {DRAWS} draws lies on a corner or a jump, where no slope is defined: {found}")


def _reads(net: Recurrent, hidden: int, inputs: int, rng: np.random.Generator) -> None:
    for view in net.parameters().values():
        view[...] = rng.standard_normal(view.shape) / np.sqrt(max(view.shape[-1:], default=1))
    rows = len(LENGTHS)
    x: Arrays = {"x": rng.standard_normal((rows, STEPS, inputs))}
    x |= {name: rng.standard_normal((rows, ENTRIES, width)) for name, width in net.memories.items()}
    for name, value in x.items():
        for row, count in enumerate(LENGTHS if name == "x" else COUNTS):
            value[row, count:] = np.nan
    lengths: dict[str, Any] = {"time": LENGTHS, **{name: COUNTS for name in net.memories}}

    # noise of the step rests: a row alone has another place
    run = net.run(x, lengths=lengths, training=True, regularize=False)
    _eager(net, x, run.outputs, hidden)
    d = rng.standard_normal(run.outputs.shape)
    for row, length in enumerate(LENGTHS):
        d[row, length:] = 0
    gradients = run.backward(d)
    _slopes(net, x, lengths, d, gradients)

    whole = {"outputs": run.outputs, **gradients.inputs}
    for row in range(rows):
        own = {name: [counts[row]] for name, counts in lengths.items()}
        alone = net.run(
            {name: value[row : row + 1] for name, value in x.items()},
            lengths=own,
            training=True,
            regularize=False,
        )
        back = alone.backward(d[row : row + 1])
        there = {"outputs": alone.outputs, **back.inputs}
        changed = differing({name: value[row : row + 1] for name, value in whole.items()}, there)
        if changed:
            raise Failed(f"row {row} alone has other bits than in a batch: {', '.join(changed)}")
    whole |= {f"params.{name}": value for name, value in gradients.params.items()}

    def both() -> tuple[Run, Gradients]:
        run = net.run(x, lengths=lengths, training=True, regularize=False)
        return run, run.backward(d)

    for count in (1, 2, 3, 4):
        again, back = with_threads(count, both)
        there = {"outputs": again.outputs, **back.inputs}
        changed = differing(whole, there | {f"params.{name}": value for name, value in back.params.items()})
        if changed:
            raise Failed(f"{count} threads give other bits: {', '.join(changed)}")
    _hoisted(net)


def _slopes(net: Recurrent, x: Arrays, lengths: dict[str, Any], d: Array, gradients: Gradients) -> None:
    def scalar() -> float:
        return float((net(x, lengths=lengths) * d).sum())

    numeric = smooth_slopes(scalar, {f"params.{name}": view for name, view in learned(net).items()})
    found = [(name, gradients.params[name.removeprefix("params.")], one) for name, one in numeric.items()]
    for name, value in x.items():
        # No slope beyond the lengths: the numbers there are NaN, and the gradient has to be 0.
        slopes = np.where(np.isnan(value), 0.0, smooth_slopes(scalar, {name: value})[name])
        found.append((name, gradients.inputs[name], slopes))
    compare(found, "with memories")


def _eager(net: Recurrent, x: Arrays, outputs: Any, hidden: int) -> None:
    assert net.cell is not None
    params = {name.removesuffix("_l0"): view for name, view in net.parameters().items()}
    for row, (length, count) in enumerate(zip(LENGTHS, COUNTS, strict=True)):
        read = {name: x[name][row, :count] for name in net.memories}
        step = partial(eager.run, hidden_size=hidden, memories=read)
        mine, _ = ignoring(step, net.cell, params, x["x"][row, :length])
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
