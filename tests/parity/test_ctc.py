"""The loss "ctc" against PyTorch's: ragged rows, repeated labels, impossible alignments.

`make parity`; OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets

import numpy as np
import pytest

import ostinato as ost
from ostinato.losses import CTC

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))

# Two float64 computations of some thousand operations in different orders; an error of method is far larger.
ABSOLUTE = 1e-10


@pytest.mark.parametrize("number", range(8))
def test_ctc_has_the_values_and_gradients_of_pytorch(number: int) -> None:
    rng = np.random.default_rng([SEED, number])
    rows, steps, width, most = (
        int(rng.integers(low, high)) for low, high in [(1, 9), (1, 31), (2, 12), (1, 13)]
    )
    blank = int(rng.integers(width))
    x = 2.0 * rng.normal(size=(rows, steps, 3))
    lengths, counts = rng.integers(1, steps + 1, rows), rng.integers(0, most + 1, rows)
    others = [one for one in range(width) if one != blank]
    labels = rng.choice(others, size=(rows, most))
    labels[np.arange(most) >= counts[:, None]] = -1
    net = ost.Dense(3, width, dtype="float64", seed=number)
    loss = CTC(labels=most, blank=blank)
    value, grads = net.value_and_grad(x, labels, loss=loss, lengths=lengths, reduction="sum")

    given = torch.tensor(x, requires_grad=True)
    weight, bias = (torch.tensor(net.parameters()[name], requires_grad=True) for name in ("weight", "bias"))
    p = torch.log_softmax(given @ weight.T + bias, -1).transpose(0, 1)
    padded = torch.tensor(np.where(labels < 0, others[0], labels))
    each = torch.nn.functional.ctc_loss(
        p, padded, torch.tensor(lengths), torch.tensor(counts), blank, reduction="none", zero_infinity=True
    )
    each.sum().backward()
    assert abs(value - each.sum().item()) < ABSOLUTE * max(1.0, abs(value)), SEED
    for got, expected in [
        (grads.inputs, given.grad),
        (grads.params["weight"], weight.grad),
        (grads.params["bias"], bias.grad),
    ]:
        np.testing.assert_allclose(got, expected.numpy(), rtol=0, atol=ABSOLUTE, err_msg=str(SEED))
