"""PyTorch's side: the same layer with the same parameters, trained or only run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

Arrays = dict[str, np.ndarray]


class LightGRU(torch.nn.Module):
    """What a PyTorch user writes for a cell that PyTorch lacks: input products at once, then a loop."""

    def __init__(self, params: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, value in params.items():
            self.register_parameter(name, torch.nn.Parameter(value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """X (N, T, I) -> (N, T, H)."""
        a = torch.nn.functional.linear(x, self.weight_ih, self.bias)
        h = x.new_zeros(x.shape[0], self.weight_hh.shape[1])
        outputs = []
        for a_t in a.unbind(1):
            z, candidate = (a_t + h @ self.weight_hh.T).chunk(2, 1)
            z = torch.sigmoid(z)
            h = z * h + (1 - z) * torch.relu(candidate)
            outputs.append(h)
        return torch.stack(outputs, 1)


class Rival:
    """One layer in PyTorch. `kind` is "lstm", "gru" or "ligru"; params are named as in our state dict."""

    def __init__(
        self, kind: str, params: Arrays, x: np.ndarray, target: np.ndarray, dtype: torch.dtype
    ) -> None:
        tensors = {name: torch.from_numpy(value).to(dtype, copy=True) for name, value in params.items()}
        if kind == "ligru":
            self.module: torch.nn.Module = LightGRU({k.removesuffix("_l0"): v for k, v in tensors.items()})
        else:
            hidden = params["weight_hh_l0"].shape[1]
            make = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
            self.module = make(x.shape[2], hidden, batch_first=True, dtype=dtype)
            self.module.load_state_dict(tensors)
        self.x = torch.from_numpy(x).to(dtype)
        self.target = torch.from_numpy(target).to(dtype)
        self.kind = kind

    def outputs(self) -> torch.Tensor:
        """(N, T, H)."""
        result = self.module(self.x)
        return result if self.kind == "ligru" else result[0]

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
        suffix = "_l0" if self.kind == "ligru" else ""
        named = {name + suffix: p.grad.numpy() for name, p in self.module.named_parameters()}
        return named | {"outputs": self.infer().numpy()}
