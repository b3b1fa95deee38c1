"""A random cell that reads values of rows, in two networks: are they the same?

In one network the values of rows are repeated along time, so that the planner computes what depends on them
once per row. In the other they are features of the sequence like any others; `compare` shows that this one is
right.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

import ostinato as ost
from tests.oracle.case import REGULARIZERS, Mismatch, applies
from tests.oracle.compare import LARGEST, Undecided
from tests.oracle.generate import recipe as random_recipe
from tests.oracle.recipe import Recipe
from tests.oracle.reference import DECISIONS, Floats

VALUES = 1e-8
"""Relative to the largest value: some thousand roundings, which a norm or a quotient makes larger."""


class RowCase:
    """A recipe whose input has values of rows between values of steps, and the numbers of a run."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.seed = seed
        self.widths = [rng.choice([0, 1, 2]), rng.choice([8, 9, 12]), rng.choice([0, 1, 2, 3])]
        if rng.random() < 0.2:
            self.widths = [0, rng.choice([8, 9]), 0]
        self.recipe: Recipe = random_recipe(seed, sum(self.widths))
        chosen = rng.sample(list(REGULARIZERS), rng.randint(1, 2)) if rng.random() < 0.3 else []
        self.regularizers = [name for name in chosen if applies(name, self.recipe)]
        self.bidirectional = rng.random() < 0.3
        self.steps, rows = rng.randint(1, 6), rng.randint(1, 20)
        self.lengths = [rng.choice([self.steps, rng.randint(0, self.steps)]) for _ in range(rows)]
        draws = np.random.default_rng(seed)
        self.resets = draws.random((rows, self.steps)) < 0.3 if rng.random() < 0.3 else None
        self.before, self.row, self.after = (
            draws.uniform(-1, 1, (rows, *([self.steps] * (k != 1)), width))
            for k, width in enumerate(self.widths)
        )
        self.mask = draws.random((rows, self.steps)) < 0.7 if rng.random() < 0.3 else None
        if self.mask is not None:
            self.before[~self.mask] = self.after[~self.mask] = np.nan

    def __str__(self) -> str:
        header = f"# seed {self.seed}; the widths of step, row and step values are {self.widths}"
        more = f"lengths={self.lengths}, regularizers {self.regularizers}, bidirectional {self.bidirectional}"
        made = f"resets {self.resets is not None}, masked {self.mask is not None}"
        return f"{self.recipe}\n{header}; {more}; {made}"

    def layer(self) -> ost.Recurrent:
        return ost.Recurrent(
            self.recipe.cell(),
            self.recipe.inputs,
            1,
            bidirectional=self.bidirectional,
            regularizers=[REGULARIZERS[name]() for name in self.regularizers],
            dtype="float64",
        )

    def networks(self) -> list[tuple[ost.Graph, Any]]:
        """With values of rows, and without, each with its inputs."""
        clock = ost.Input("clock", size=1)
        row = ost.repeat(ost.Input("row", size=self.widths[1], axis="row"), clock)
        parts, inputs = [], {"row": self.row, "clock": np.zeros((len(self.lengths), self.steps, 1))}
        for name, width, values in (("a", self.widths[0], self.before), ("b", self.widths[2], self.after)):
            if width:
                parts.append(ost.Input(name, size=width))
                inputs[name] = values
        parts.insert(int(self.widths[0] > 0), row)
        whole = np.broadcast_to(self.row[:, None], (len(self.lengths), self.steps, self.widths[1]))
        plain = ost.Graph(self.layer()(ost.Input("x", size=self.recipe.inputs)))
        rows = ost.Graph(self.layer()(ost.concat(*parts) if len(parts) > 1 else row))
        rng = np.random.default_rng(self.seed)
        rows.arena[...] = rng.uniform(0.2, 0.7, rows.arena.shape) * rng.choice([-1, 1], rows.arena.shape)
        plain.arena[...] = rows.arena
        return [(rows, inputs), (plain, np.concatenate([self.before, whole, self.after], axis=-1))]


def check(case: RowCase) -> bool:
    """Compares both networks; whether something ran once per row. Raises Mismatch, Undecided."""
    (rows, inputs), (plain, x) = case.networks()
    more: dict[str, Any] = {"lengths": case.lengths, "resets": case.resets, "mask": case.mask}
    rng = np.random.default_rng(case.seed)
    state = {
        name: rng.uniform(-1, 1, (n, len(case.lengths), *size))
        for name, (n, *size) in rows.state_shapes.items()
    }
    found: list[list[tuple[str, Floats]]] = []
    for net, given in ((rows, inputs), (plain, x)):
        draws = np.random.default_rng(case.seed + 1)
        resting = net.run(given, state=state, **more)
        run = net.run(given, state=state, training=True, seed=case.seed, **more)
        d = draws.normal(size=run.outputs.shape)
        d_final = {name: draws.normal(size=value.shape) for name, value in run.final_state.items()}
        grads = run.backward(d, d_final, None if run.penalty is None else 0.7)
        loss, whole = net.value_and_grad(given, d, loss="mse", state=state, seed=case.seed, **more)
        values = [("inference", resting.outputs), ("outputs", run.outputs), ("loss", np.array(loss))]
        values += [(f"final {name}", value) for name, value in run.final_state.items()]
        for what, one in (("backward", grads), ("value_and_grad", whole)):
            values.append((what, one.arena))
            values += [(f"{what} of {name}", value) for name, value in one.initial_state.items()]
            values += [(f"{what} of {name}", value) for name, value in apart(case, one.inputs).items()]
        found.append(values)
    own, expected = found
    largest = max(float(np.abs(value).max(initial=0.0)) for _, value in expected)
    if not largest < LARGEST:
        raise Undecided(f"values up to {largest:.3g}")
    for (what, got), (_, right) in zip(own, expected, strict=True):
        off = float(np.abs(got - right).max(initial=0.0))
        if not off <= VALUES * max(1.0, float(np.abs(right).max(initial=0.0))):
            if any(op.name in (*DECISIONS, *HANGING) for op in case.recipe.ops):
                raise Undecided(f"{what} may hang on rounding")
            raise Mismatch(f"{what} differs by {off:.3g}")
    return any("once_per_row" in plan for plan in rows.plans())


HANGING = (
    "where",
    "sign",
    "round",
    "floor",
    "minimum",
    "maximum",
    "max",
    "relu",
    "leaky_relu",
    "clip",
    "abs",
    "pick",
    "lookup",
    "one_hot",
    "take",
)
"""Ops whose value or slope jumps, like decisions."""


def apart(case: RowCase, d: Any) -> dict[str, Floats]:
    """The gradients of the inputs by part: the row's is the sum over its steps."""
    first, row, _ = case.widths
    if isinstance(d, dict):
        parts = {name: d[name] for name in ("a", "row", "b") if name in d}
    else:
        whole = {
            "a": d[..., :first],
            "row": d[..., first : first + row].sum(axis=1),
            "b": d[..., first + row :],
        }
        parts = {name: value for name, value in whole.items() if value.shape[-1]}
    return parts
