"""Cross-entropy with smoothed labels, and with weights by class, against PyTorch: `make parity`.

OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets

import numpy as np
import pytest

import ostinato as ost

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))
CLASSES = 5


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_gradient_are_those_of_pytorch(smoothing, weighted):
    if weighted and smoothing:
        pytest.skip("PyTorch weights each share of a smoothed label by its own class")
    rng = np.random.default_rng(SEED)
    x, ids = rng.normal(size=(4, 6, 3)), rng.integers(0, CLASSES, (4, 6))
    by_class = rng.uniform(0.1, 3.0, CLASSES)
    ids[0, 2] = -100 if weighted else ids[0, 2]
    counts = np.where(ids >= 0, by_class[ids.clip(0)], 0.0) if weighted else None
    net = ost.Dense(3, CLASSES, dtype="float64")
    loss = ost.CrossEntropy(label_smoothing=smoothing)
    value, grads = net.value_and_grad(x, ids, loss=loss, weights=counts)

    given = torch.tensor(x, requires_grad=True)
    weight, bias = (torch.tensor(net.parameters()[name]) for name in ("weight", "bias"))
    expected = torch.nn.functional.cross_entropy(
        (given @ weight.T + bias).reshape(-1, CLASSES),
        torch.tensor(ids).reshape(-1),
        weight=torch.tensor(by_class) if weighted else None,
        label_smoothing=smoothing,
    )
    expected.backward()
    assert abs(value - expected.item()) < 1e-12, SEED
    np.testing.assert_allclose(grads.inputs, given.grad.numpy(), rtol=0, atol=1e-12, err_msg=str(SEED))
