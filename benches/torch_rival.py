"""PyTorch's side: the same layer with the same parameters, trained or only run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from programs import Steps

Arrays = dict[str, np.ndarray]
FUSED = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}


class Torch:
    """The functions of PyTorch."""

    def function(self, op: str) -> Callable[..., Any]:
        """`torch.sigmoid` and its like."""
        if op == "softplus":
            return torch.nn.functional.softplus
        if op == "maximum":
            return lambda a, b: torch.clamp(a, min=b) if isinstance(b, float) else torch.maximum(a, b)
        return getattr(torch, op)

    def concat(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Joined along the last axis."""
        return torch.cat(list(parts), -1)

    def layer_norm(self, x: torch.Tensor, eps: float) -> torch.Tensor:
        """PyTorch's own."""
        return torch.nn.functional.layer_norm(x, x.shape[-1:], eps=eps)


class Loop(torch.nn.Module):
    """A cell that PyTorch lacks, as a user would write it: input products first, then a loop over steps."""

    def __init__(self, program: str, params: dict[str, torch.Tensor], states: dict[str, int]) -> None:
        super().__init__()
        self.steps, self.widths = Steps(program), states
        for name, value in params.items():
            self.register_parameter(name, torch.nn.Parameter(value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """X (N, T, I) -> (N, T, H)."""
        steps, library = self.steps, Torch()
        values: dict[int, Any] = {k: getattr(self, name) for name, k in steps.params.items()}
        values |= {**steps.constants(), steps.input: x}
        steps.compute(steps.once, values, library)
        steps.compute(steps.before, values, library)
        at_step = {k: values[k].unbind(1) for k in steps.read_by_loop}
        state = {name: x.new_zeros(x.shape[0], width) for name, width in self.widths.items()}
        outputs = []
        for t in range(x.shape[1]):
            now = values | {k: one[t] for k, one in at_step.items()}
            now |= {k: state[name] for name, k in steps.states.items()}
            steps.compute(steps.loop, now, library)
            state = {name: now[k] for name, k in steps.updates.items()}
            outputs.append(now[steps.output])
        return torch.stack(outputs, 1)


class Rival:
    """One layer in PyTorch, fused where it has it. `params` are named as in our state dict.

    `program` is the text of our program, for a cell that PyTorch lacks; `compiled` runs that through
    torch.compile.
    """

    def __init__(
        self,
        kind: str,
        params: Arrays,
        x: np.ndarray,
        target: np.ndarray,
        dtype: torch.dtype,
        *,
        program: str = "",
        states: dict[str, int] | None = None,
        compiled: bool = False,
    ) -> None:
        tensors = {name: torch.from_numpy(value).to(dtype, copy=True) for name, value in params.items()}
        self.fused = kind in FUSED
        if self.fused:
            hidden = params["weight_hh_l0"].shape[1]
            self.module: torch.nn.Module = FUSED[kind](x.shape[2], hidden, batch_first=True, dtype=dtype)
            self.module.load_state_dict(tensors)
        else:
            named = {name.removesuffix("_l0"): value for name, value in tensors.items()}
            self.module = Loop(program, named, states or {})
        self.call: Callable[..., Any] = torch.compile(self.module) if compiled else self.module
        self.x = torch.from_numpy(x).to(dtype)
        self.target = torch.from_numpy(target).to(dtype)

    def outputs(self) -> torch.Tensor:
        """(N, T, H)."""
        result = self.call(self.x)
        return result[0] if self.fused else result

    def train(self) -> float:
        """Forward, loss, backward."""
        self.module.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(self.outputs(), self.target)
        loss.backward()
        return float(loss.detach())

    def infer(self) -> torch.Tensor:
        """Forward only, with nothing kept for a backward pass."""
        with torch.inference_mode():
            return self.outputs()

    def work(self, training: bool) -> Callable[[], object]:
        """What is timed."""
        return self.train if training else self.infer

    def results(self) -> Arrays:
        """Outputs and parameter gradients, by our names."""
        self.train()
        suffix = "" if self.fused else "_l0"
        named = {name + suffix: p.grad.numpy() for name, p in self.module.named_parameters()}
        return named | {"outputs": self.infer().numpy()}
