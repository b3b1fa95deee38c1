"""Time in parts: carried states, streams, and the BPTT modes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ostinato.network.run import Gradients
from ostinato.network.through_time import CheckpointedBPTT, TruncatedBPTT
from ostinato.testing.arrays import Arrays, near
from ostinato.testing.networks.batches import cut
from ostinato.testing.networks.model import Model
from ostinato.testing.problem import Problem
from ostinato.testing.runner import Check, Failed, check

# Sums over steps in another order, of numbers around 1 to 100 in float64.
ROUNDING = 1e-9


@check("carried_state")
def carried_state(model: Model) -> None:
    """9 steps equal 4 steps plus 5 with the carried state: bit-identical results, and equal gradients."""
    problem = replace(model.problem(4, 9, 3, 5), d_penalty=0.0)
    whole = problem.results()
    first = cut(problem, 0, 4)
    run = first.run()
    second = replace(cut(problem, 4, 9), state=run.final_state, first_step=4)
    late = second.results()
    parts = {"outputs": np.concatenate([run.outputs, late["outputs"]], axis=1)}
    parts |= {name: value for name, value in late.items() if name.startswith("final_state.")}
    model.alike({name: whole[name] for name in parts}, parts, "9 steps in one call, and 4 + 5: {} differs")
    d_state = {name: late[f"initial_state.{name}"] for name in problem.state}
    early = first.back(run, first.d_outputs, d_state)
    sums = {name: late[f"params.{name}"] + value for name, value in early.params.items()}
    back = {f"params.{name}": value for name, value in sums.items()}
    back |= {f"initial_state.{name}": value for name, value in early.initial_state.items()}
    assert early.inputs is not None
    back["inputs"] = np.concatenate([early.inputs, late["inputs"]], axis=1)
    near(back, whole, ROUNDING, "gradients of {} through 9 steps, and through 5 steps and 4 more")


@check("stream")
def stream(model: Model) -> None:
    """A stream that is fed step by step is bit-identical to a whole run."""
    problem = replace(model.problem(3, 6, 3, 5, "float32"), training=False)
    run = problem.run()
    fed = problem.network.stream(3)
    fed.state = problem.state
    for t in range(6):
        if fed.step(problem.x[:, t]).tobytes() != np.ascontiguousarray(run.outputs[:, t]).tobytes():
            raise Failed(f"step {t} of a stream differs from the whole run")
    model.alike(run.final_state, fed.state, "state {} of a stream differs from the whole run")


@check("truncated")
def truncated(model: Model) -> None:
    """TruncatedBPTT(k1, k2) with k2 >= T is bit-identical to FullBPTT."""
    problem = model.problem(4, 7, 3, 5, ragged=True)
    full = trained(problem, None)
    for way in (TruncatedBPTT(7, 7), TruncatedBPTT(3, 9), TruncatedBPTT(1, 2**40)):
        model.alike(full, trained(problem, way), f"{way}: {{}} differs from FullBPTT()")


@check("checkpointed")
def checkpointed(model: Model) -> None:
    """CheckpointedBPTT is bit-identical to FullBPTT with any memory budget."""
    rows, steps = model.at((4, 40), (4, 130), (9, 400))
    problem = model.problem(rows, steps, 3, 5, ragged=True)
    full = trained(problem, None)
    for way in (CheckpointedBPTT("sqrt"), CheckpointedBPTT("1GB")):
        model.alike(full, trained(problem, way), f"{way}: {{}} differs from FullBPTT()")


def trained(problem: Problem, way: Any, **other: Any) -> Arrays:
    """Loss and gradients of `value_and_grad` with the problem's d_outputs as targets, by name."""
    arguments: dict[str, Any] = {"loss": "mse", "reduction": "sum", **other}
    value, gradients = problem.network.value_and_grad(
        problem.x,
        problem.d_outputs,
        lengths=problem.lengths,
        state=problem.state,
        through_time=way,
        seed=problem.seed,
        **arguments,
    )
    return {"loss": np.float64(value).reshape(()), **by_name(gradients)}


def by_name(gradients: Gradients) -> Arrays:
    """Gradients by the names that they have in `Problem.results`, and final states."""
    named = {f"params.{name}": value for name, value in gradients.params.items()}
    named |= {f"initial_state.{name}": value for name, value in gradients.initial_state.items()}
    named |= {f"final_state.{name}": value for name, value in gradients.final_state.items()}
    if gradients.inputs is not None:
        named["inputs"] = gradients.inputs
    return named


CHECKS: tuple[Check[Model], ...] = (carried_state, stream, truncated, checkpointed)
