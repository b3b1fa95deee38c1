"""Checks of regularizers: equations inlined in a cell's step; a network with them keeps its promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ostinato.cell import Cell, Param, State
from ostinato.dims import Dim
from ostinato.layers.recurrent import Recurrent
from ostinato.namespace import Names
from ostinato.ops import Value
from ostinato.regularizer import Regularizer
from ostinato.specs import Spec
from ostinato.testing import networks, subject
from ostinato.testing.arrays import Array, differing, same
from ostinato.testing.networks.model import Model, pairs
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Failed, Kind, Level, at, check

# The mean of n draws is this many standard errors away once in 10^8 times.
ERRORS = 5.7


class Linear(Cell):
    """h' = W x + U h + c / 2 and c' = c / 2 + h': the mean of its output is the output of the means."""

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return W (H, I) and U (H, H)."""
        return {"W": Param((size.hidden, size.input)), "U": Param((size.hidden, size.hidden))}

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return h and c, (H,) each."""
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return h' as output."""
        h = p.W @ x + p.U @ state.h + 0.5 * state.c
        return h, {"h": h, "c": 0.5 * state.c + h}


class RegularizerModel(Model, subject.Made):
    """LSTMs with the regularizer: two states, one with a gate, and matrices of both kinds."""

    noun = "regularizer"
    base = Regularizer

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        (unit,) = self.network(*self.sizes(3, 5))._units[0]
        self.draws = '"noise"' in unit.program.to_json()

    @property
    def declared_sizes(self) -> list[tuple[int, int]]:
        """The `check_sizes` of the class."""
        return pairs(f"{self.noun} {self.spec.name!r}", self.declared)

    def network(self, inputs: int, hidden: int, dtype: str = "float64") -> Recurrent:
        """An LSTM with a new regularizer."""
        return Recurrent("lstm", inputs, hidden, regularizers=[self.make()], dtype=dtype)

    def meaning(self, made: Regularizer) -> str:
        """The programs of an LSTM with it: in training, in inference, and its penalty on parameters."""
        (unit,) = Recurrent("lstm", *self.sizes(3, 5), regularizers=[made])._units[0]
        programs = (unit.program, unit.inference, unit.penalty)
        return "\n".join(program.to_json() for program in programs if program)


def _silent(model: RegularizerModel) -> str | None:
    return None if model.draws else "it draws nothing"


@check("seed", _silent)
def seed(model: RegularizerModel) -> None:
    """The seed of a call decides its noise, and another seed gives other noise."""
    problem = model.problem(5, 6, 3, 8)
    first = problem.results()
    same(first, problem.results(), "the same seed again: {} differs")
    if not differing(first, replace(problem, seed=problem.seed + 1).results()):
        raise Failed("another seed changes nothing")


@check("inference")
def inference(model: RegularizerModel) -> None:
    """Inference draws nothing: it takes no seed, and repetition gives bit-identical results."""
    problem = replace(model.problem(5, 6, 3, 8), training=False)
    same(problem.results(), problem.results(), "the same call again: {} differs")


@check("changes")
def changes(model: RegularizerModel) -> None:
    """It has an effect: a network without it gives other numbers or gradients in training."""
    problem = model.problem(5, 6, 3, 8)
    plain = Recurrent("lstm", *model.sizes(3, 8), dtype="float64")
    plain.load_state_dict(problem.network.state_dict())
    if not differing(replace(problem, network=plain).results(), problem.results()):
        raise Failed("a network with it computes what one without it does")


@check("expectation", _silent)
def expectation(model: RegularizerModel) -> None:
    """In a linear step, the average over training draws is the result of inference."""
    draws = at(model.level, 64, 256, 1024)
    net = Recurrent(Linear, *model.sizes(3, 4), regularizers=[model.make()], dtype="float64")
    problem = Problem.random(net, 1, 1)
    rows = problem.rows([0] * 16)
    means: list[Array] = []
    for n in range(draws):
        means.append(replace(rows, seed=n).run().outputs[:, 0].mean(axis=0))
    expected = replace(problem, training=False).run().outputs[0, 0]
    found = np.mean(means, axis=0)
    error = np.std(means, axis=0, ddof=1) / np.sqrt(draws)
    off = np.abs(found - expected) > ERRORS * error + 1e-12
    if off.any():
        unit = int(np.argmax(off))
        raise Failed(
            f"unit {unit}: {found[unit]:.4g} +- {error[unit]:.2g} on average over {16 * draws} draws in "
            f"training, {expected[unit]:.4g} in inference; is the noise scaled to keep its expectation?"
        )


REGULARIZER: Kind[RegularizerModel] = Kind(
    "regularizer",
    (*subject.CHECKS, *networks.CHECKS, seed, inference, changes, expectation),
    RegularizerModel,
)
