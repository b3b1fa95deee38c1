"""Parameters that PyTorch and a network share: the same numbers in the same memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.network import Network


class SharedParameters:
    """The parameters of `owner`, a torch.nn.Module, over the arena of a network, by the network's names.

    A name with dots becomes modules within modules, so that `owner.state_dict()` has the network's names.
    """

    def __init__(self, owner: torch.nn.Module, net: Network) -> None:
        self._net = net
        self._held: dict[str, tuple[torch.nn.Module, str, torch.nn.Parameter]] = {}
        frozen = set(net.frozen)
        for name, view in net.parameters().items():
            *path, last = name.split(".")
            holder = owner
            for part in path:
                if part not in holder._modules:
                    holder.add_module(part, torch.nn.Module())
                holder = holder.get_submodule(part)
            made = torch.nn.Parameter(torch.from_numpy(view), requires_grad=name not in frozen)
            holder.register_parameter(last, made)
            self._held[name] = (holder, last, made)
        self._places = self._now()

    def _now(self) -> dict[str, int]:
        """The addresses of the network's parameters."""
        return {name: view.ctypes.data for name, view in self._net.parameters().items()}

    @property
    def tensors(self) -> dict[str, torch.nn.Parameter]:
        """The parameters by name."""
        return {name: made for name, (_, _, made) in self._held.items()}

    def check(self) -> dict[str, torch.nn.Parameter]:
        """The parameters by name, which are what the network computes with.

        A parameter whose `data` was replaced gets the network's memory back, with the new numbers. Raises
        ConfigError for parameters that are other objects than those of the module, and for a network that
        became part of another one; DTypeError for data of another dtype.
        """
        if self._now() != self._places:
            raise ConfigError(
                "Module: its network became a part of another network, which moved its parameters; expected "
                "a Module of that network"
            )
        for name, (holder, last, made) in self._held.items():
            if not _is(getattr(holder, last, None), made):
                raise ConfigError(
                    f"Module: parameter {shown(name)} was replaced by another object, as assign=True, "
                    "torch.func.functional_call, pruning and parametrizations do; the network computes with "
                    "its own memory. Expected load_state_dict without assign, or a copy of the module"
                )
            if made.data_ptr() != self._places[name]:
                self.apply(lambda values: values, name)
        return self.tensors

    def apply(self, function: Callable[[torch.Tensor], torch.Tensor], only: str | None = None) -> None:
        """Each parameter and gradient becomes the function of it, in the same memory.

        Raises DTypeError for another dtype, device or shape; then nothing changes.
        """
        chosen = {name: made for name, made in self.tensors.items() if only in (None, name)}
        views = {name: torch.from_numpy(view) for name, view in self._net.parameters().items()}
        with torch.no_grad():
            values = {name: function(made.data.clone()) for name, made in chosen.items()}
            slopes = {name: function(made.grad) for name, made in chosen.items() if made.grad is not None}
            for name, new in values.items():
                self._check(name, new, views[name])
            for name, made in chosen.items():
                views[name].copy_(values[name])
                made.data = views[name]
                if name in slopes:
                    made.grad = slopes[name]

    @staticmethod
    def _check(name: str, new: Any, old: torch.Tensor) -> None:
        if new.device != old.device:
            raise DTypeError(
                f"Module: parameter {shown(name)} would go to {new.device}; the network computes on the CPU. "
                "Expected module.cpu(), with inputs on the CPU"
            )
        if new.dtype != old.dtype or new.shape != old.shape:
            raise DTypeError(
                f"Module: parameter {shown(name)} would become {tuple(new.shape)} {new.dtype}; the network "
                f"has {tuple(old.shape)} {old.dtype}. Expected a network made with another dtype, such as "
                "ost.LSTM(3, 5, dtype='float64')"
            )


def _is(one: object, other: object) -> bool:
    return one is other
