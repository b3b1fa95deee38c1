"""What PyTorch computes for a case: outputs, final states and every gradient, in float64."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tests.golden.cases import KINDS, Arrays, Case


def expected(case: Case) -> Arrays:
    """Results by name: outputs, final_state.h, params.weight_ih_l0, inputs, initial_state.h, ...

    PyTorch refuses rows of length 0, so they are left out of the call. By our convention such a row gives
    zero outputs and keeps its state; hence the gradient of its initial state is that of its final state.
    """
    kind, _, states = KINDS[case.kind]
    rows, steps, _ = case.x.shape
    network = _network(case, kind)
    lengths = np.full(rows, steps) if case.lengths is None else case.lengths
    alive = np.flatnonzero(lengths > 0)
    slots = case.num_layers * (2 if case.bidirectional else 1)
    given = {
        name: case.state[name]
        if case.state is not None
        else np.zeros((slots, rows, case.d_final_state[name].shape[2]))
        for name in states
    }
    outputs = np.zeros_like(case.d_outputs)
    final = {name: value.copy() for name, value in given.items()}
    d_inputs = np.zeros_like(case.x)
    d_initial = {name: value.copy() for name, value in case.d_final_state.items()}
    if len(alive):
        x = torch.from_numpy(case.x[alive]).requires_grad_()
        state = {
            name: torch.from_numpy(value[:, alive].copy()).requires_grad_() for name, value in given.items()
        }
        packed = pack_padded_sequence(
            x, torch.from_numpy(lengths[alive]), batch_first=True, enforce_sorted=False
        )
        y, last = network(packed, tuple(state.values()) if len(states) > 1 else state["h"])
        padded, _ = pad_packed_sequence(y, batch_first=True, total_length=steps)
        last = dict(zip(states, last if len(states) > 1 else (last,), strict=True))
        d_outputs = np.where(case.valid[..., None], case.d_outputs, 0.0)[alive]
        torch.autograd.backward(
            [padded, *last.values()],
            [
                torch.from_numpy(d_outputs),
                *(torch.from_numpy(case.d_final_state[name][:, alive]) for name in last),
            ],
        )
        outputs[alive] = padded.detach().numpy()
        d_inputs[alive] = x.grad.numpy()
        for name in states:
            final[name][:, alive] = last[name].detach().numpy()
            d_initial[name][:, alive] = state[name].grad.numpy()
    results = {"outputs": outputs, "inputs": d_inputs}
    results |= {f"final_state.{name}": value for name, value in final.items()}
    results |= {f"initial_state.{name}": value for name, value in d_initial.items()}
    for name, parameter in network.named_parameters():
        gradient = np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()
        results[f"params.{name}"] = gradient
    return results


def _network(case: Case, kind: str) -> torch.nn.Module:
    options = {"nonlinearity": case.kind.removeprefix("rnn_")} if kind == "RNN" else {}
    if case.proj_size:
        options["proj_size"] = case.proj_size
    network = getattr(torch.nn, kind)(
        case.input_size, case.hidden_size, case.num_layers,
        bidirectional=case.bidirectional, batch_first=True, dtype=torch.float64, **options,
    )  # fmt: skip
    network.load_state_dict({name: torch.from_numpy(value) for name, value in case.params.items()})
    return network
