"""Shapes of all results, for every kind of size, and for empty batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ostinato.network.network import Network
from ostinato.testing.networks.model import Model
from ostinato.testing.problem import Problem, learned
from ostinato.testing.runner import Check, Failed, check

# Below, at and around the widths of vector registers; never as many inputs as hidden units.
SIZES = ((2, 1), (1, 3), (5, 8), (11, 17))


@check("shapes")
def shapes(model: Model) -> None:
    """Outputs, states and gradients have the right shapes and types: N 1, 2, 7; T 1, 2, 9; H 1, 3, 8, 17."""
    taken = model.declared_sizes or [sizes for sizes in SIZES if model.takes(*sizes)]
    if len(taken) < 2 and not model.declared_sizes:
        taken = sorted({model.sizes(*sizes) for sizes in SIZES})
        if len(taken) < 2:
            raise Failed(
                f"near the sizes (inputs, hidden) {SIZES} only {taken} are taken; expected two at least, or "
                f"the declaration check_sizes = {taken}"
            )
    for inputs, hidden in taken:
        for dtype in ("float32", "float64"):
            network = model.network(inputs, hidden, dtype)
            for rows in (1, 2, 7):
                for steps in (1, 2, 9):
                    _expect_shapes(Problem.random(network, rows, steps), f"{inputs} inputs, {hidden} hidden")


@check("empty")
def empty(model: Model) -> None:
    """Zero rows, steps and lengths are allowed: states do not change, parameter gradients are 0."""
    for rows, steps in ((0, 4), (3, 0), (0, 0), (3, 4)):
        # Penalties on parameters do not depend on steps.
        problem = replace(model.problem(rows, steps, 3, 5), d_penalty=0.0)
        if rows and steps:
            problem = replace(problem, lengths=np.zeros(rows, np.int64))
        where = f"N={rows}, T={steps}" + (", every length 0" if rows and steps else "")
        _expect_shapes(problem, where)
        results = problem.results()
        if results["outputs"].any():
            raise Failed(f"{where}: outputs are not 0")
        for name, value in results.items():
            if name.startswith("params.") and value.any():
                raise Failed(f"{where}: the gradient of {name} is not 0")
            state = name.removeprefix("final_state.")
            if state != name and not np.array_equal(value, problem.state[state]):
                raise Failed(f"{where}: the final state {state!r} is not the initial one")


def _expect_shapes(problem: Problem, where: str) -> None:
    network = problem.network
    rows, steps = problem.x.shape[:2]
    results = problem.results()
    for name, shape in expected_shapes(network, rows, steps).items():
        value = results.pop(name, None)
        if value is None or value.shape != shape or value.dtype != network.dtype:
            got = "missing" if value is None else f"{value.dtype} {value.shape}"
            raise Failed(f"{where}, N={rows}, T={steps}: {name} is {got}; expected {network.dtype} {shape}")
    if results:
        raise Failed(f"{where}: {', '.join(results)} is returned, which is not declared")


def expected_shapes(network: Network, rows: int, steps: int) -> dict[str, tuple[int, ...]]:
    """The shape of each result of a problem, by name."""
    states = {name: (layers, rows, *sizes) for name, (layers, *sizes) in network.state_shapes.items()}
    return {
        "outputs": (rows, steps, network.output_size),
        "inputs": (rows, steps, network.input_size),
        **{f"final_state.{name}": shape for name, shape in states.items()},
        **{f"initial_state.{name}": shape for name, shape in states.items()},
        **{f"params.{name}": view.shape for name, view in learned(network).items()},
    }


CHECKS: tuple[Check[Model], ...] = (shapes, empty)
