"""The losses "student_t_nll" and "negative_binomial_nll" against PyTorch's distributions: `make parity`.

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


def student(y):
    location, log_scale, raw = y.split(2, dim=-1)
    degrees = 2.0 + torch.nn.functional.softplus(raw)
    return torch.distributions.StudentT(degrees, location, log_scale.exp())


def negative_binomial(y):
    log_mean, log_r = y.split(2, dim=-1)
    return torch.distributions.NegativeBinomial(log_r.exp(), logits=log_mean - log_r)


@pytest.mark.parametrize(
    ("loss", "width", "distribution"),
    [("student_t_nll", 6, student), ("negative_binomial_nll", 4, negative_binomial)],
)
def test_a_likelihood_has_the_values_and_gradients_of_pytorch(loss, width, distribution):
    rng = np.random.default_rng([SEED, width])
    x, targets = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 2))
    if loss == "negative_binomial_nll":
        targets = rng.poisson(3.0, size=targets.shape).astype(float)
    net = ost.Dense(3, width, dtype="float64")
    value, grads = net.value_and_grad(x, targets, loss=loss)

    given = torch.tensor(x, requires_grad=True)
    weight, bias = (torch.tensor(net.parameters()[name], requires_grad=True) for name in ("weight", "bias"))
    expected = -distribution(given @ weight.T + bias).log_prob(torch.tensor(targets)).mean()
    expected.backward()
    assert abs(value - expected.item()) < 1e-12, SEED
    for got, wanted in [
        (grads.inputs, given.grad),
        (grads.params["weight"], weight.grad),
        (grads.params["bias"], bias.grad),
    ]:
        np.testing.assert_allclose(got, wanted.numpy(), rtol=0, atol=1e-12, err_msg=str(SEED))


@pytest.mark.parametrize("op", ["lgamma", "digamma"])
def test_the_gamma_functions_are_those_of_pytorch(op):
    x = np.random.default_rng(SEED).uniform(0.01, 50.0, size=(1, 1, 500))
    found = getattr(ost.ops, op)(x)
    wanted = getattr(torch, op)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-14, err_msg=str(SEED))
