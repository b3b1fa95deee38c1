"""Masks against PyTorch and Keras semantics: a loop over cells that holds the state at masked steps.

`make parity`; OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import numpy as np
import pytest

import ostinato as ost

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))

# Two float64 computations of some thousand operations in different orders; an error of method is far larger.
ABSOLUTE = 1e-10

ROWS, STEPS, INPUTS, HIDDEN = 6, 11, 3, 4
KINDS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def cell_step(kind: str, parameters: dict[str, Any], suffix: str, x: Any, state: tuple[Any, ...]) -> Any:
    """One step of a layer of PyTorch: the next state, h first."""
    w, u, a, b = (parameters[f"{name}{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    if kind == "lstm":
        return torch._VF.lstm_cell(x, list(state), w, u, a, b)
    step = torch._VF.gru_cell if kind == "gru" else torch._VF.rnn_tanh_cell
    return (step(x, state[0], w, u, a, b),)


def layer(kind: str, parameters: dict[str, Any], suffix: str, x: Any, mask: Any, state: Any) -> Any:
    """(N, T, F) -> (N, T, H) and the final state. At masked steps the state holds and the output is zero."""
    steps = range(STEPS)
    if suffix.endswith("_reverse"):
        steps = reversed(steps)
    outputs: dict[int, Any] = {}
    for t in steps:
        use = mask[:, t, None]
        # `where` alone would let NaN at masked steps reach the gradients
        now = torch.where(use, x[:, t], torch.zeros_like(x[:, t]))
        after = cell_step(kind, parameters, suffix, now, state)
        state = tuple(torch.where(use, new, old) for new, old in zip(after, state, strict=True))
        outputs[t] = torch.where(use, state[0], torch.zeros_like(state[0]))
    return torch.stack([outputs[t] for t in range(STEPS)], 1), state


@pytest.mark.parametrize("draw", range(4))
@pytest.mark.parametrize(("layers", "both"), [(1, False), (2, False), (2, True)])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_a_loop_that_holds_the_state(kind: str, layers: int, both: bool, draw: int) -> None:
    rng = np.random.default_rng([SEED, draw])
    makes: dict[str, Any] = {"lstm": ost.LSTM, "gru": ost.GRU, "rnn": ost.RNN}
    net = makes[kind](INPUTS, HIDDEN, layers, bidirectional=both, dtype="float64")
    net.arena[...] = rng.normal(scale=0.4, size=net.arena.shape)
    parameters = {name: torch.from_numpy(value).requires_grad_() for name, value in net.state_dict().items()}
    x = rng.normal(size=(ROWS, STEPS, INPUTS))
    mask = rng.random((ROWS, STEPS)) < rng.uniform(0.2, 0.9)
    mask[0], mask[1] = False, True
    state = {
        name: rng.normal(size=(places, ROWS, *size)) for name, (places, *size) in net.state_shapes.items()
    }
    use = torch.from_numpy(mask)
    their_x = torch.from_numpy(x.copy()).requires_grad_()
    their_state = {name: torch.from_numpy(value.copy()).requires_grad_() for name, value in state.items()}

    h, finals, place = their_x, [], 0
    for number in range(layers):
        found = []
        for direction in ("", "_reverse")[: 1 + both]:
            start = tuple(value[place] for value in their_state.values())
            outputs, final = layer(kind, parameters, f"_l{number}{direction}", h, use, start)
            found.append(outputs)
            finals.append(final)
            place += 1
        h = torch.cat(found, -1)
    final_state = {
        name: torch.stack([final[slot] for final in finals]) for slot, name in enumerate(their_state)
    }
    d_outputs = rng.normal(size=h.shape)
    d_final = {name: rng.normal(size=value.shape) for name, value in final_state.items()}
    total = (h * torch.from_numpy(d_outputs)).sum()
    for name, value in final_state.items():
        total = total + (value * torch.from_numpy(d_final[name])).sum()
    total.backward()

    poisoned = x.copy()
    poisoned[~mask] = np.nan
    run = net.run(poisoned, mask=mask, state=state, training=True)
    d_outputs[~mask] = np.nan
    grads = run.backward(d_outputs, d_final)

    def close(ours: Any, theirs: Any) -> None:
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=ABSOLUTE)

    close(run.outputs, h)
    assert not run.outputs[~mask].any()
    close(grads.inputs, their_x.grad)
    assert not grads.inputs[~mask].any()
    for name, value in final_state.items():
        close(run.final_state[name], value)
        close(grads.initial_state[name], their_state[name].grad)
    for name, value in parameters.items():
        close(grads.params[name], value.grad)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_a_loss_equals_the_loss_of_the_valid_steps(loss: str) -> None:
    rng = np.random.default_rng(SEED)
    net = ost.Sequential(ost.GRU(INPUTS, HIDDEN, dtype="float64"), ost.Dense(HIDDEN, 3, dtype="float64"))
    net.arena[...] = rng.normal(scale=0.4, size=net.arena.shape)
    x = rng.normal(size=(ROWS, STEPS, INPUTS))
    mask = rng.random((ROWS, STEPS)) < 0.6
    y = torch.from_numpy(net.run(x, mask=mask).outputs[mask]).requires_grad_()
    targets: Any
    if loss == "mse":
        targets = rng.normal(size=(ROWS, STEPS, 3))
        value = torch.nn.functional.mse_loss(y, torch.from_numpy(targets[mask]))
        targets[~mask] = np.nan
    else:
        targets = rng.integers(0, 3, size=(ROWS, STEPS))
        value = torch.nn.functional.cross_entropy(y, torch.from_numpy(targets[mask]))
        targets[~mask] = -100
    value.backward()
    ours, grads = net.value_and_grad(x, targets, loss=loss, mask=mask)
    assert ours == pytest.approx(value.item(), abs=ABSOLUTE)
    d_outputs = np.zeros((ROWS, STEPS, 3))
    d_outputs[mask] = y.grad.numpy()
    by_hand = net.run(x, mask=mask, training=True).backward(d_outputs)
    np.testing.assert_allclose(grads.arena, by_hand.arena, rtol=0, atol=ABSOLUTE)
    np.testing.assert_allclose(grads.inputs, by_hand.inputs, rtol=0, atol=ABSOLUTE)
