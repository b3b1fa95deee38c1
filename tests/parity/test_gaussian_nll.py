"""The loss "gaussian_nll" against PyTorch's GaussianNLLLoss, with variances below the smallest.

`make parity`; OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets

import numpy as np
import pytest

import ostinato as ost
from ostinato.losses import GaussianNLL

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("smallest", [1e-6, 0.5])
def test_gaussian_nll_has_the_values_and_gradients_of_pytorch(full: bool, smallest: float) -> None:
    rng = np.random.default_rng([SEED, full])
    x, targets = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 2))
    net = ost.Dense(3, 4, dtype="float64")
    loss = GaussianNLL(full=full, smallest=smallest)
    value, grads = net.value_and_grad(x, targets, loss=loss)

    given = torch.tensor(x, requires_grad=True)
    weight, bias = (torch.tensor(net.parameters()[name], requires_grad=True) for name in ("weight", "bias"))
    center, log_variance = (given @ weight.T + bias).split(2, dim=-1)
    expected = torch.nn.GaussianNLLLoss(full=full, eps=smallest)(
        center, torch.tensor(targets), log_variance.exp()
    )
    # PyTorch's gradient is that of the variance, at the smallest one; here that of its logarithm
    large = (log_variance.exp() > smallest).double()
    if smallest < 1e-3:
        assert large.all()
    assert abs(value - expected.item()) < 1e-12, SEED
    if not large.all():
        return
    expected.backward()
    for got, wanted in [
        (grads.inputs, given.grad),
        (grads.params["weight"], weight.grad),
        (grads.params["bias"], bias.grad),
    ]:
        np.testing.assert_allclose(got, wanted.numpy(), rtol=0, atol=1e-12, err_msg=str(SEED))
