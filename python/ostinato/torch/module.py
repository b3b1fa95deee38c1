"""`Module`: a network as a torch.nn.Module."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ostinato.errors import ConfigError, DTypeError, shown
from ostinato.network import Network
from ostinato.network.run import Run
from ostinato.sequences.arrays import Array
from ostinato.torch.arrays import array_of
from ostinato.torch.function import Backpropagation, Call
from ostinato.torch.shared import SharedParameters

OWN: Final = ("_shared", "_modules", "_parameters")
"""Attributes that hold the parameters."""


class Module(torch.nn.Module):  # type: ignore[misc,unused-ignore]  # PyTorch may not be installed
    """A network in a model of PyTorch: `Module(ost.LSTM(3, 5))` instead of `torch.nn.LSTM(3, 5)`.

    The parameters are those of the network, in the same memory: an optimizer of PyTorch trains the network,
    and what happens to the network is seen here. `state_dict` has the network's names, which for RNN, LSTM
    and GRU are PyTorch's. Training mode turns regularizers on; their noise follows `torch.manual_seed`.

    Args:
        net: any network. It computes on the CPU, in its own dtype.

    After a forward pass in training mode, `penalty` is a tensor, what the regularizers of the network add to
    a loss, or None: `(loss + module.penalty).backward()`.

    Raises DTypeError for what is no network.
    """

    def __init__(self, net: Network) -> None:
        super().__init__()
        if not isinstance(net, Network):
            raise DTypeError(f"Module: net is {shown(net)}; expected a network, such as ost.LSTM(3, 5)")
        self.net = net
        self.penalty: torch.Tensor | None = None
        self._shared = SharedParameters(self, net)

    @torch.compiler.disable  # type: ignore[untyped-decorator,unused-ignore]
    def forward(self, x: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        """The outputs, and the states after the last step of each row.

        Args:
            x: what the network takes, as a tensor: floats (N, T, F) of the network's dtype, (T, N, F) if the
                network has batch_first=False, or ids; a PackedSequence; or a dict of tensors by name.
            hx: the initial state, in the form of the second result; None for zeros.
            lengths: (N,) whole numbers, or None. Steps past them are zeros in the outputs.

        Returns (outputs, states): a tensor, a PackedSequence if x is one, or a dict of tensors by name; and
        `h_n` or `(h_n, c_n)`, each (layers * directions, N, H), as torch.nn.GRU and torch.nn.LSTM return
        them. A network with other states than one layer's returns a dict by name, an empty one for a network
        without states.

        Raises DTypeError, ShapeError, ConfigError that name the argument.
        """
        parameters = self._shared.check()
        packed = x if isinstance(x, PackedSequence) else None
        if packed is not None:
            if lengths is not None:
                raise ConfigError("Module: lengths is given, but x is a PackedSequence, which has its own")
            x, lengths = pad_packed_sequence(packed, batch_first=self.net.batch_first is not False)
        inputs: dict[str, Any] = dict(x) if isinstance(x, Mapping) else {"": x}
        states = self._states(hx)
        dtype = self.net.dtype
        arrays = {
            name: array_of(f"x[{shown(name)}]" if name else "x", one, dtype) for name, one in inputs.items()
        }
        given = {name: array_of(f"hx ({name})", one, dtype) for name, one in states.items()}
        tensors = [*inputs.values(), *states.values(), *parameters.values()]
        differentiates = torch.is_grad_enabled() and any(one.requires_grad for one in tensors)
        reads = any(one.requires_grad for one in (*inputs.values(), *states.values()))
        draws = self.training and self.net._noisy
        seed = int(torch.randint(2**62, (), dtype=torch.int64)) if draws else None

        def run(inputs: Mapping[str, Array], states: Mapping[str, Array]) -> Run:
            return self.net.run(
                inputs if isinstance(x, Mapping) else inputs[""],
                lengths=_lengths(lengths),
                state=dict(states) or None,
                seed=seed,
                training=differentiates or self.training,
                regularize=self.training,
                input_gradient=reads,
            )

        call = Call(run, arrays, given, tuple(parameters), several=(isinstance(x, Mapping), False))
        made = list(Backpropagation.apply(call, *tensors))  # type: ignore[no-untyped-call,unused-ignore]
        outputs = {name: made.pop(0) for name in call.outputs}
        final = {name: made.pop(0) for name in call.final_states}
        self.penalty = made.pop(0) if call.penalty else None
        result: Any = outputs if call.several[1] else outputs[""]
        if packed is not None:
            result = self._packed(result, lengths, packed)
        return result, _as_torch(final)

    def _states(self, hx: Any) -> dict[str, Any]:
        """The initial states by the network's names. Raises ConfigError."""
        if hx is None:
            return {}
        if isinstance(hx, Mapping):
            return dict(hx)
        names = list(self.net.state_shapes)
        given = list(hx) if isinstance(hx, (tuple, list)) else [hx]
        if len(given) != len(names) or names not in (["h"], ["h", "c"]):
            many = "a tensor" if len(given) == 1 else f"{len(given)} tensors"
            raise ConfigError(
                f"Module: hx is {many}; the network has the states {', '.join(names) or 'none'}; expected a "
                "dict by name, such as the second result"
            )
        return dict(zip(names, given, strict=True))

    def _packed(self, outputs: Any, lengths: torch.Tensor, like: PackedSequence) -> PackedSequence:
        if not isinstance(outputs, torch.Tensor) or outputs.dim() != 3:
            raise ConfigError(
                "Module: x is a PackedSequence, but the outputs are no steps; expected padded x, and lengths"
            )
        first = self.net.batch_first is not False
        order = like.sorted_indices
        if order is not None:
            outputs = outputs.index_select(0 if first else 1, order)
            lengths = lengths[order]
        made = pack_padded_sequence(outputs, lengths, batch_first=first)
        return PackedSequence(made.data, made.batch_sizes, order, like.unsorted_indices)

    # What PyTorch does to modules.

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Module:
        self._shared.apply(fn)
        return self

    def share_memory(self) -> Module:
        """Raises ConfigError: other processes would train copies."""
        raise ConfigError(
            "Module: share_memory would move the parameters away from the network; expected threads, or a "
            "process for each copy with its own gradients"
        )

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """As for every module. Raises ConfigError for assign=True, which would end the sharing of memory."""
        if assign:
            raise ConfigError(
                "Module: assign is True; the parameters are the network's memory. Expected assign=False, "
                "which copies the values"
            )
        return super().load_state_dict(state_dict, strict)

    def __deepcopy__(self, memo: dict[int, Any]) -> Module:
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        made.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return made

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the parameters and modules over the network's memory, which a copy makes anew."""
        state = {name: value for name, value in vars(self).items() if name not in OWN}
        names = {name.partition(".")[0] for name in self._shared.tensors}
        more = [name for name in (*self._modules, *self._parameters) if name not in names]
        if more:
            raise ConfigError(
                f"Module: {more[0]} was added to it; a copy would lose that. Expected a torch.nn.Module that "
                "has the Module and what was added as parts"
            )
        tensors = self._shared.tensors
        marks = {
            "requires_grad": {name: one.requires_grad for name, one in tensors.items()},
            "grad": {name: None if one.grad is None else one.grad.clone() for name, one in tensors.items()},
        }
        return {**state, "penalty": None, "marks": marks}

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = dict(state)
        marks = values.pop("marks")
        torch.nn.Module.__init__(self)
        self.__dict__.update(values)
        self._shared = SharedParameters(self, values["net"])
        for name, one in self._shared.tensors.items():
            one.requires_grad_(marks["requires_grad"][name])
            one.grad = marks["grad"][name]

    def extra_repr(self) -> str:
        """The network."""
        return repr(self.net)


def _lengths(given: Any) -> Any:
    if isinstance(given, Mapping):
        return {axis: _lengths(one) for axis, one in given.items()}
    return array_of("lengths", given, None) if isinstance(given, torch.Tensor) else given


def _as_torch(states: dict[str, Any]) -> Any:
    """`h_n`, `(h_n, c_n)`, or the dict."""
    names = list(states)
    if names == ["h"]:
        return states["h"]
    return tuple(states.values()) if names == ["h", "c"] else states
