"""Checks of cells: the descriptor, the step as an equation, and all promises of a network with the cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ostinato import eager
from ostinato.cached import cached
from ostinato.cell import Cell, takes_noise
from ostinato.layers.recurrent import Recurrent
from ostinato.settings import ignoring
from ostinato.specs import Spec
from ostinato.testing import networks, subject
from ostinato.testing.arrays import differing
from ostinato.testing.memories import memories, without_memories
from ostinato.testing.networks.model import Model, pairs
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Check, Failed, Kind, Level, check

# float64, a few steps of numbers around 1: rounding is 1e-15; 1e-12 leaves room for another order of sums.
EAGER = {"float64": 1e-12, "float32": 1e-4}


class CellModel(Model, subject.Made):
    """Networks of one layer of the cell."""

    noun = "cell"
    base = Cell

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        net = self.network(*self.sizes(3, 5))  # An error in the construction is reported once, here.
        self.calls = any(program.calls for program in net.programs.values())
        self.exact = not (self.calls and self.make().batched)
        self.draws = takes_noise(self.make())

    @cached
    def mixes_rows(self) -> bool:
        """Whether a row of a batched step in NumPy depends on the other rows."""
        if self.exact:
            return False
        problem = replace(self.problem(4, 2, 3, 5), training=False)
        whole = problem.run().outputs
        alone = np.concatenate([problem.rows([n]).run().outputs for n in range(len(whole))])
        return not np.allclose(whole, alone, rtol=1e-6, atol=1e-9, equal_nan=True)

    @property
    def declared_sizes(self) -> list[tuple[int, int]]:
        """The `check_sizes` of the class."""
        return pairs(f"{self.noun} {self.spec.name!r}", self.declared)

    def network(self, inputs: int, hidden: int, dtype: str = "float64", seed: int = 0) -> Recurrent:
        """A layer with a new cell."""
        return Recurrent(self.make(), inputs, hidden, dtype=dtype, seed=seed)

    def meaning(self, made: Cell) -> str:
        """The programs of its step in two sizes, and their results: a step may run in Python."""
        texts = []
        for sizes in sorted({self.sizes(3, 5), self.sizes(4, 5)}):
            net = Recurrent(made, *sizes)
            texts += [program.to_json() for program in net.programs.values()]
            if not net.memories:
                texts += [value.tobytes().hex() for value in Problem.random(net, 1, 2).results().values()]
        return "\n".join(texts)


@check("initial_values")
def initial_values(model: CellModel) -> None:
    """A network's initial parameters are finite and depend only on its seed."""
    sizes = model.sizes(3, 5)
    first = model.network(*sizes).state_dict()
    np.random.random()  # A cell that draws from the global generator is detected.
    changed = differing(first, model.network(*sizes).state_dict())
    if changed:
        raise Failed(
            f"a network made again with the same seed starts with another {', '.join(changed)}; "
            "an initializer may draw only from the generator that is passed"
        )
    # Overflow is reported below, by name.
    single = ignoring(model.network, *sizes, "float32").state_dict()
    rounded = {name: ignoring(value.astype, np.float32) for name, value in first.items()}
    bad = [name for name, value in single.items() if not np.isfinite(value).all()]
    if bad:
        raise Failed(f"{', '.join(bad)} does not start finite in float32")
    changed = differing(rounded, single)
    if changed:
        raise Failed(f"in float32 {', '.join(changed)} does not start with the rounded values of float64")


@check(
    "states_used",
    lambda model: None if model.network(*model.sizes(3, 5)).state_shapes else "it has no state",
)
def states_used(model: CellModel) -> None:
    """States change over time, and each of them affects the results."""
    problem = replace(model.problem(4, 3, 3, 5), training=False)
    results = problem.results()
    still = [
        name for name, value in problem.state.items() if np.array_equal(results[f"final_state.{name}"], value)
    ]
    if len(still) == len(problem.state):
        raise Failed(f"no step changes the state {', '.join(still)}; does step return the new one?")
    for name, value in problem.state.items():
        other = replace(problem, state={**problem.state, name: value + 0.5}).results()
        if differing(results, other) in ([], [f"final_state.{name}"]) and name in still:
            raise Failed(f"state {name!r} changes nothing and is never changed")
        later = [one for one in differing(results, other) if one != f"final_state.{name}"]
        if not later and len(problem.state) == 1:
            raise Failed(f"outputs do not depend on the state {name!r}: the cell remembers nothing")


@check("eager")
def eager_equals_engine(model: CellModel) -> None:
    """The step in a plain NumPy loop gives the same results as the engine."""
    for dtype, allowed in EAGER.items():
        problem = replace(model.problem(3, 5, 3, 5, dtype, ragged=True), training=False)
        run = problem.run()
        cell = problem.network.cell  # type: ignore[attr-defined]
        params = {name.removesuffix("_l0"): view for name, view in problem.network.parameters().items()}
        assert problem.lengths is not None
        for n, length in enumerate(problem.lengths):
            start = {name: value[0, n] for name, value in problem.state.items()}
            step = partial(eager.run, hidden_size=model.sizes(3, 5)[1])
            outputs, final = ignoring(step, cell, params, problem.x[n, :length], start)
            pairs = [("outputs", outputs, run.outputs[n, :length])]
            pairs += [(f"state {name}", value, run.final_state[name][0, n]) for name, value in final.items()]
            for name, mine, engine in pairs:
                if mine.shape != engine.shape:
                    raise Failed(f"{name} is {mine.shape} in NumPy and {engine.shape} in the engine")
                apart = float(np.abs(mine - engine).max(initial=0.0))
                if not apart <= allowed * max(1.0, float(np.abs(mine).max(initial=0.0))):
                    raise Failed(
                        f"{dtype}: {name} of row {n} is {apart:.3g} from what step computes on NumPy arrays; "
                        "does step do something else while it is traced?"
                    )


def _with_hint(one: Check[Any]) -> Check[Any]:
    """The check, whose failure says if the rows of a batched step see each other."""

    def run(model: CellModel) -> None:
        try:
            one.run(model)
        except Failed as failure:
            if not model.mixes_rows:
                raise
            hint = "Hint: rows see each other; step may compute nothing from several rows, such as their mean"
            raise Failed(
                f"{failure} {hint}" if str(failure).endswith("?") else f"{failure}. {hint}"
            ) from failure

    return replace(one, run=run)


CELL: Kind[CellModel] = Kind(
    "cell",
    (
        *subject.CHECKS,
        initial_values,
        *map(_with_hint, map(without_memories, (*networks.CHECKS, states_used, eager_equals_engine))),
        memories,
    ),
    CellModel,
)
