"""Steps with a memory, and states on its entries, against loops of PyTorch over each row: `make parity`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.entries.cells import SCORERS, Decoder
from tests.entries.test_decoders import ENTRIES, HIDDEN, STEPS, derivative, lengths, ragged, run_and_back
from tests.entries.test_decoders import made as decoder_made
from tests.entries.test_entry_states import KINDS
from tests.entries.test_entry_states import made as states_made

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")


def of_decoder(cell: Decoder, p: dict[str, Any], x: Any, source: Any) -> Any:
    """The outputs (T, hidden) of one row: x (T, input), source (S, width)."""
    hidden = p["W_h"].shape[1]
    h, c = torch.zeros(hidden, dtype=x.dtype), torch.zeros(source.shape[1], dtype=x.dtype)
    outputs = []
    for step in x:
        if cell.scorer == "additive":
            scores = torch.tanh(p["W_q"] @ h + source @ p["W_k"].T) @ p["v"]
        elif cell.scorer == "multiplicative":
            scores = (source @ p["W"].T) @ h
        elif cell.scorer == "dot":
            scores = source @ (p["W_q"] @ h)
        else:
            scores = (source @ p["W_k"].T) @ (p["W_q"] @ h) / np.sqrt(cell.align)
        context = torch.softmax(scores, 0) @ source
        given = p["W_x"] @ step + p["W_c"] @ context + p["b"]
        if cell.fed:
            given = given + p["W_f"] @ c
        (xr, xz, xn), (hr, hz, hn) = given.chunk(3), (p["W_h"] @ h).chunk(3)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        h, c = (1 - z) * torch.tanh(xn + r * hn) + z * h, context
        outputs.append(h)
    return torch.stack(outputs) if outputs else torch.zeros(0, hidden, dtype=x.dtype)


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("fed", [True, False])
def test_a_decoder_gives_what_a_loop_in_pytorch_gives(scorer: str, fed: bool) -> None:
    net, x = decoder_made(scorer, fed), ragged(STEPS, ENTRIES)
    run, grads = run_and_back(net, x, STEPS, ENTRIES)
    names = {name: name.removesuffix("_l0") for name in net.parameters()}
    p = {names[name]: torch.tensor(value, requires_grad=True) for name, value in net.parameters().items()}
    for row, (step, entry) in enumerate(zip(STEPS, ENTRIES, strict=True)):
        given = torch.tensor(x["x"][row, :step], requires_grad=True)
        source = torch.tensor(x["source"][row, :entry], requires_grad=True)
        outputs = of_decoder(net.cell, p, given, source)
        np.testing.assert_allclose(run.outputs[row, :step], outputs.detach(), rtol=0, atol=1e-10)
        assert not run.outputs[row, step:].any()
        if step:
            (outputs * torch.tensor(derivative(STEPS)[row, :step])).sum().backward()
        for name, of_row, count in [("x", given, step), ("source", source, entry)]:
            wanted = np.zeros(of_row.shape) if of_row.grad is None else of_row.grad
            np.testing.assert_allclose(grads.inputs[name][row, :count], wanted, rtol=0, atol=1e-10)
            assert not grads.inputs[name][row, count:].any()
    for name, value in grads.params.items():
        np.testing.assert_allclose(value, p[names[name]].grad, rtol=0, atol=1e-10)


def of_states(kind: str, p: dict[str, Any], x: Any, source: Any) -> Any:
    """The outputs (T, hidden) of one row of `Remembers`."""
    h, count = torch.zeros(HIDDEN, dtype=x.dtype), len(source)
    s = torch.zeros((count, 2) if kind == "vector" else count, dtype=x.dtype)
    past = torch.zeros(count, dtype=x.dtype)
    outputs = []
    for step in x:
        own = p["W_q"] @ h + source @ p["W_k"].T
        if kind in ("coverage", "both", "unchanged"):
            own = own + s[:, None] * p["W_s"]
        if kind == "vector":
            own = own + s @ p["W_s"].T
        if kind in ("location", "both"):
            around = torch.nn.functional.pad(past, (1, 1))
            own = own + torch.stack([around[:-2], around[1:-1], around[2:]], 1) @ p["W_l"].T
        weights = torch.softmax(torch.tanh(own) @ p["v"], 0)
        h = torch.tanh(p["W_x"] @ step + p["W_c"] @ (weights @ source) + p["W_h"] @ h)
        if kind in ("coverage", "both"):
            s = s + weights
        if kind == "vector":
            s = torch.tanh(s @ p["U"].T + weights[:, None] * (source @ p["W_m"].T))
        past = weights
        outputs.append(h)
    return torch.stack(outputs) if outputs else torch.zeros(0, HIDDEN, dtype=x.dtype)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_on_entries_gives_what_a_loop_in_pytorch_gives(kind: str) -> None:
    net, x = states_made(kind), ragged(STEPS, ENTRIES)
    run = net.run(x, lengths=lengths(STEPS, ENTRIES), training=True)
    assert list(run.final_state) == ["h"]
    assert np.array_equal(net(x, lengths=lengths(STEPS, ENTRIES)), run.outputs)
    grads = run.backward(derivative(STEPS))
    names = {name: name.removesuffix("_l0") for name in net.parameters()}
    p = {names[name]: torch.tensor(value, requires_grad=True) for name, value in net.parameters().items()}
    for row, (step, entry) in enumerate(zip(STEPS, ENTRIES, strict=True)):
        given = torch.tensor(x["x"][row, :step], requires_grad=True)
        source = torch.tensor(x["source"][row, :entry], requires_grad=True)
        outputs = of_states(kind, p, given, source)
        np.testing.assert_allclose(run.outputs[row, :step], outputs.detach(), rtol=0, atol=1e-10)
        if step:
            (outputs * torch.tensor(derivative(STEPS)[row, :step])).sum().backward()
        for name, of_row, count in [("x", given, step), ("source", source, entry)]:
            wanted = np.zeros(of_row.shape) if of_row.grad is None else of_row.grad
            np.testing.assert_allclose(grads.inputs[name][row, :count], wanted, rtol=0, atol=1e-10)
    for name, value in grads.params.items():
        grad = p[names[name]].grad
        wanted = np.zeros(value.shape) if grad is None else grad
        np.testing.assert_allclose(value, wanted, rtol=0, atol=1e-10)
