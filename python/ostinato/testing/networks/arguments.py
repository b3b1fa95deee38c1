"""Arrays of any layout are supported; wrong ones are typed errors before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.testing.arrays import LAYOUTS, same
from ostinato.testing.networks.model import Model
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Check, Failed, check


@check("layouts")
def layouts(model: Model) -> None:
    """Strided, reversed, transposed, misaligned and read-only arrays give bit-identical results."""
    problem = model.problem(4, 5, 3, 6)
    clean = problem.results()
    for name, layout in LAYOUTS.items():
        other = replace(
            problem,
            x=layout(problem.x),
            state={key: layout(value) for key, value in problem.state.items()},
            d_outputs=layout(problem.d_outputs),
            d_final_state={key: layout(value) for key, value in problem.d_final_state.items()},
        )
        same(clean, other.results(), f"{name} arrays: {{}} differs from what plain ones give")


@check("bad_input")
def bad_input(model: Model) -> None:
    """Wrong shapes, types and names raise typed errors before anything is written."""
    problem = model.problem(3, 4, 3, 5)
    clean, arena = problem.results(), problem.network.arena.copy()
    for name, call in _calls(problem).items():
        try:
            call()
        except (ShapeError, DTypeError, ConfigError):
            pass
        except Exception as error:
            raise Failed(
                f"{name}: {type(error).__name__} ({error}); expected one of ostinato's errors"
            ) from error
        else:
            raise Failed(f"{name}: is accepted; expected a ShapeError, DTypeError or ConfigError")
        if arena.tobytes() != problem.network.arena.tobytes():
            raise Failed(f"{name}: the parameters are changed")
    same(clean, problem.results(), "after refused calls {} differs")


def _calls(problem: Problem) -> dict[str, Callable[[], Any]]:
    net, x = problem.network, problem.x
    rows, steps, features = x.shape
    run = net.run(x, state=problem.state, training=True, seed=problem.seed)

    def train(**other: Any) -> Any:
        return net.value_and_grad(x, **{"targets": problem.d_outputs, "loss": "mse", **other})

    calls: dict[str, Callable[[], Any]] = {
        "x of rank 2": lambda: net.run(x[0]),
        "x of rank 4": lambda: net.run(x[None]),
        "x with a feature too many": lambda: net.run(np.zeros((rows, steps, features + 1))),
        "x of integers": lambda: net.run(x.astype(int)),
        "x of complex numbers": lambda: net.run(x.astype(complex)),
        "x of objects": lambda: net.run(x.astype(object)),
        "lengths of another number of rows": lambda: net.run(x, lengths=np.ones(rows + 1, int)),
        "a length above T": lambda: net.run(x, lengths=np.full(rows, steps + 1)),
        "a length below 0": lambda: net.run(x, lengths=np.full(rows, -1)),
        "lengths of floats": lambda: net.run(x, lengths=np.ones(rows)),
        "a state that is an array": lambda: net.run(x, state=np.zeros(3)),
        "an unknown state": lambda: net.run(x, state={**problem.state, "no_such_name": np.zeros(3)}),
        "d_outputs with a step too many": lambda: problem.back(
            run, np.zeros((rows, steps + 1, net.output_size))
        ),
        "d_outputs of integers": lambda: problem.back(run, problem.d_outputs.astype(int)),
        "d_final_state of an unknown state": lambda: problem.back(run, None, {"no_such_name": np.zeros(3)}),
        "targets with a feature too many": lambda: train(
            targets=np.zeros((rows, steps, net.output_size + 1))
        ),
        "a negative weight": lambda: train(weights=np.full((rows, steps), -1.0)),
        "a parameter of another shape": lambda: net.load_state_dict(
            {name: np.zeros((1, *view.shape)) for name, view in net.parameters().items()}
            or {"no_such_name": x}
        ),
        "a parameter too many": lambda: net.load_state_dict({**net.state_dict(), "no_such_name": x}),
    }
    for name, value in problem.state.items():
        longer = np.zeros((value.shape[0], rows + 1, *value.shape[2:]))
        others = {key: one for key, one in problem.state.items() if key != name}
        wrong = {**others, name: longer}
        calls[f"state {name!r} of another number of rows"] = partial(net.run, x, state=wrong)
        calls[f"state {name!r} missing"] = partial(net.run, x, state=others)
    return calls


CHECKS: tuple[Check[Model], ...] = (layouts, bad_input)
