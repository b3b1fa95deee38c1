"""Freezing and tied embeddings against PyTorch: `requires_grad=False` and `decoder.weight = encoder.weight`.

OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import numpy as np
import pytest

import ostinato as ost

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence  # noqa: E402

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))

# Two float64 computations of some thousand operations in different orders; an error of method is far larger.
ABSOLUTE = 1e-10

IDS, WIDTH, ROWS, STEPS = 17, 6, 5, 7
LENGTHS = np.array([STEPS, 2, 3, STEPS, 1])


class Model(torch.nn.Module):  # type: ignore[misc, name-defined]
    """An embedding, a GRU of two layers, a linear layer; tied or not."""

    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(
            [
                torch.nn.Embedding(IDS, WIDTH),
                torch.nn.GRU(WIDTH, WIDTH, 2, batch_first=True, bidirectional=False),
                torch.nn.Linear(WIDTH, IDS),
            ]
        )
        if tied:
            self.layers[2].weight = self.layers[0].weight
        self.double()

    def forward(self, x: Any) -> Any:
        packed = pack_padded_sequence(
            self.layers[0](x), torch.from_numpy(LENGTHS), batch_first=True, enforce_sorted=False
        )
        hidden, _ = pad_packed_sequence(self.layers[1](packed)[0], batch_first=True, total_length=STEPS)
        return self.layers[2](hidden)

    def loss(self, x: Any, targets: Any) -> Any:
        valid = torch.arange(STEPS) < torch.from_numpy(LENGTHS)[:, None]
        return torch.nn.functional.cross_entropy(self(x)[valid], targets[valid])


def ours(tied: bool) -> ost.Sequential:
    table = ost.Embedding(IDS, WIDTH, dtype="float64", seed=SEED)
    return ost.Sequential(
        table,
        ost.GRU(WIDTH, WIDTH, 2, dtype="float64", seed=SEED),
        ost.Dense(WIDTH, IDS, tied_to=table if tied else None, dtype="float64", seed=SEED),
    )


def pair(tied: bool) -> tuple[ost.Sequential, Model]:
    net, model = ours(tied), Model(tied)
    model.layers.load_state_dict({name: torch.from_numpy(one) for name, one in net.state_dict().items()})
    return net, model


def batches(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(SEED)
    return [tuple(rng.integers(0, IDS, (2, ROWS, STEPS))) for _ in range(count)]  # type: ignore[misc]


def test_a_tied_embedding_has_the_loss_and_the_gradients_of_pytorch() -> None:
    net, model = pair(tied=True)
    x, targets = batches(1)[0]
    value, grads = net.value_and_grad(x, targets, loss="cross_entropy", lengths=LENGTHS)
    expected = model.loss(torch.from_numpy(x), torch.from_numpy(targets))
    expected.backward()
    assert abs(value - float(expected.detach())) < ABSOLUTE
    named = dict(model.layers.named_parameters())  # PyTorch too lists a tied parameter once
    assert list(named) == list(grads.params) == list(net.parameters())
    for name, one in named.items():
        np.testing.assert_allclose(grads.params[name], one.grad.numpy(), atol=ABSOLUTE, err_msg=name)


def test_state_dicts_go_both_ways() -> None:
    net, model = pair(tied=True)
    assert set(net.state_dict()) == set(model.layers.state_dict())
    other = ours(tied=True)
    other.arena[...] = 0
    other.load_state_dict(model.layers.state_dict())
    assert other.arena.tobytes() == net.arena.tobytes()


OPTIMIZERS = {
    "sgd": (
        lambda: ost.SGD(0.1, momentum=0.9, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
    ),
    "nesterov": (
        lambda: ost.SGD(0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    ),
    "adam": (
        lambda: ost.Adam(0.01, weight_decay=0.01),
        lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.01),
    ),
}
FREEZES: dict[str, list[list[str]]] = {
    # What is frozen before each third of the training.
    "nothing": [[], [], []],
    "the embedding": [["0.*"], ["0.*"], ["0.*"]],
    "a recurrent matrix": [["1.weight_hh_l0"], ["1.weight_hh_l0"], ["1.weight_hh_l0"]],
    "the middle": [["1.*"], ["1.*"], ["1.*"]],
    "layer by layer": [["0.*", "1.*"], ["0.*", "1.*_l0"], []],
    "later": [[], ["0.*", "1.*_l1"], ["2.bias"]],
}


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("freezes", FREEZES)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_with_frozen_parameters_is_that_of_pytorch(
    optimizer: str, tied: bool, freezes: str, by_name: bool
) -> None:
    net, model = pair(tied)
    make, make_theirs = OPTIMIZERS[optimizer]
    own, theirs = make(), make_theirs(model.parameters())
    for number, (x, targets) in enumerate(batches(9)):
        net.unfreeze()
        if patterns := FREEZES[freezes][number // 3]:
            net.freeze(*patterns)
        for name, one in model.layers.named_parameters():
            one.requires_grad_(name not in net.frozen)
        value, grads = net.value_and_grad(
            x, targets, loss="cross_entropy", lengths=LENGTHS, input_gradient=False
        )
        if by_name:
            norm = own.step(net.parameters(), grads.params, clip_norm=0.3)
        else:
            norm = own.step(net.arena, grads.arena, clip_norm=0.3)
        own, resumed = make(), own.state_dict()  # resumed at every step
        own.load_state_dict(resumed)
        theirs.zero_grad(set_to_none=True)
        expected = model.loss(torch.from_numpy(x), torch.from_numpy(targets))
        expected.backward()
        with_gradient = [one for one in model.parameters() if one.grad is not None]
        assert norm is not None
        clipped = torch.nn.utils.clip_grad_norm_(with_gradient, 0.3)
        theirs.step()
        assert abs(value - float(expected.detach())) < ABSOLUTE
        assert abs(norm - float(clipped)) < ABSOLUTE
    for name, one in model.layers.named_parameters():
        found = net.parameters()[name]
        np.testing.assert_allclose(found, one.detach().numpy(), atol=ABSOLUTE, err_msg=name)
