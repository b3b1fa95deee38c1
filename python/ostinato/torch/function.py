"""A run of a network as one step of PyTorch's automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ostinato.errors import ConfigError
from ostinato.network.run import Run
from ostinato.sequences.arrays import Array
from ostinato.torch.arrays import tensor_of

Names = tuple[str, ...]


@dataclass(eq=False)
class Call:
    """What one call of a module has besides tensors, and what comes back from it besides tensors.

    run: runs the network on arrays by name: inputs, initial states. inputs, states, parameters: the names of
    the tensors that the function gets, in this order. outputs, final_states: those of the tensors that it
    returns; the penalty is the last one, if there is one.
    """

    run: Callable[[Mapping[str, Array], Mapping[str, Array]], Run]
    inputs: Mapping[str, Array]
    states: Mapping[str, Array]
    parameters: Names
    outputs: Names = ()
    final_states: Names = ()
    penalty: bool = False
    several: tuple[bool, bool] = field(default=(False, False))
    """Whether inputs and outputs of the network are dicts by name."""


class Backpropagation(torch.autograd.Function):  # type: ignore[misc,unused-ignore]
    """Forward: `Network.run`. Backward: `Run.backward`."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Inputs, initial states and parameters -> outputs, final states, and the penalty."""
        run = call.run(call.inputs, call.states)
        named = run.outputs if isinstance(run.outputs, dict) else {"": run.outputs}
        call.several = (call.several[0], isinstance(run.outputs, dict))
        call.outputs, call.final_states = tuple(named), tuple(run.final_state)
        call.penalty = run.penalty is not None
        ctx.run, ctx.call, ctx.count = run, call, len(tensors)
        # Not read: PyTorch refuses a backward pass after one of them was changed in place.
        ctx.save_for_backward(*tensors[len(tensors) - len(call.parameters) :])
        ctx.set_materialize_grads(False)
        made = [tensor_of(one) for one in (*named.values(), *run.final_state.values())]
        if run.penalty is not None:
            made.append(torch.tensor(run.penalty, dtype=made[0].dtype))
        return tuple(made)

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor | None) -> tuple[Any, ...]:
        """Derivatives by inputs, initial states and parameters."""
        if torch.is_grad_enabled():
            raise ConfigError(
                "Module: create_graph=True needs derivatives of derivatives, such as a gradient penalty; "
                "a network has first derivatives only. Expected create_graph=False"
            )
        _ = ctx.saved_tensors
        run, call = ctx.run, ctx.call
        rest = list(slopes)
        outputs = _named(call.outputs, rest)
        final = _named(call.final_states, rest)
        weight = None if not call.penalty else 0.0 if rest[0] is None else float(rest[0])
        found = run.backward(
            outputs if call.several[1] else outputs.get("", None), final or None, d_penalty=weight
        )
        inputs = found.inputs if call.several[0] else {"": found.inputs}
        made: list[Any] = [inputs.get(name) for name in call.inputs]
        made += [found.initial_state.get(name) for name in call.states]
        made += [found.params.get(name) for name in call.parameters]
        needed = ctx.needs_input_grad[1:]
        return None, *(
            tensor_of(one) if wanted and one is not None else None
            for one, wanted in zip(made, needed, strict=True)
        )


def _named(names: Sequence[str], slopes: list[torch.Tensor | None]) -> dict[str, Array]:
    """Takes as many slopes from the front as there are names; the names that have one."""
    taken = [slopes.pop(0) for _ in names]
    return {
        name: np.ascontiguousarray(one.detach().numpy())
        for name, one in zip(names, taken, strict=True)
        if one is not None
    }
