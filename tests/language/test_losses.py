"""Losses on NumPy values against their formulas."""

import math

import numpy as np
import pytest

import ostinato as ost
from ostinato import losses
from ostinato.discover import leaves
from ostinato.errors import ConfigError
from ostinato.plugins.registry import registry

Y = np.array([0.5, -1.0, 2.0, 0.0])
T = np.array([1.0, 1.0, -2.0, 0.5])

ODDS = np.array([1.0, 0.0, 1.0, 0.25])


def likelihood(y: float, t: float) -> float:
    """-log of the probability, by its definition."""
    p = 1 / (1 + math.exp(-y))
    return -t * math.log(p) - (1 - t) * math.log(1 - p)


T2 = np.array([1.0, -3.0])


def gauss(y: float, s: float, t: float) -> float:
    """-log of a normal density, without its constant."""
    return (s + (t - y) ** 2 / math.exp(s)) / 2


def student(m, s, r, t):
    """-log of the density of Student's t, by its definition."""
    v = 2 + math.log1p(math.exp(r))
    scale, z = math.exp(s), (t - m) / math.exp(s)
    constant = math.gamma((v + 1) / 2) / (math.gamma(v / 2) * math.sqrt(v * math.pi) * scale)
    return -math.log(constant * (1 + z * z / v) ** (-(v + 1) / 2))


def negative_binomial(a, b, t):
    """-log of the probability of a count, by its definition."""
    m, r = math.exp(a), math.exp(b)
    ways = math.gamma(t + r) / (math.factorial(t) * math.gamma(r))
    return -math.log(ways * (m / (m + r)) ** t * (r / (m + r)) ** r)


Y6, COUNTS = np.array([0.5, -1.0, 0.25, 0.0, 2.0, -1.0]), np.array([1.0, 0.0])

# name, options, y, target, the loss
CASES = [
    ("cross_entropy", {}, Y, 2, -math.log(math.exp(2.0) / math.fsum(map(math.exp, Y)))),
    ("cross_entropy", {}, np.array([1000.0, 0.0]), 1, 1000.0),
    ("cross_entropy", {}, np.array([3.0]), 0, 0.0),
    ("mse", {}, Y, T, (0.25 + 4 + 16 + 0.25) / 4),
    ("mse", {"half": True}, Y, T, (0.25 + 4 + 16 + 0.25) / 2),
    ("mae", {}, Y, T, (0.5 + 2 + 4 + 0.5) / 4),
    ("huber", {}, Y, T, (0.125 + 1.5 + 3.5 + 0.125) / 4),
    ("huber", {"delta": 3.0}, Y, T, (0.125 + 2 + 3 * 2.5 + 0.125) / 4),
    ("gaussian_nll", {}, Y, T2, (gauss(0.5, 2.0, 1.0) + gauss(-1.0, 0.0, -3.0)) / 2),
    (
        "gaussian_nll",
        {"full": True, "smallest": 2.0},
        Y,
        T2,
        (gauss(0.5, 2.0, 1.0) + gauss(-1.0, math.log(2.0), -3.0) + math.log(2 * math.pi)) / 2,
    ),
    ("pinball", {"quantiles": (0.25, 0.9)}, Y, T2, (0.25 * 0.5 + 0.9 * 2 + 0.75 * 5 + 0.1 * 3) / 4),
    (
        "pinball",
        {"quantiles": (0.25, 0.9), "weighted": True},
        Y,
        np.array([1.0, -3.0, 2.0, 0.0]),
        2 * (0.25 * 0.5 + 0.9 * 2) / 4,
    ),
    ("pinball", {"quantiles": [0.5]}, Y, T, (0.5 + 2 + 4 + 0.5) / 8),
    ("student_t_nll", {}, Y6, T2, (student(0.5, 0.25, 2.0, 1.0) + student(-1.0, 0.0, -1.0, -3.0)) / 2),
    (
        "negative_binomial_nll",
        {},
        Y,
        COUNTS,
        (negative_binomial(0.5, 2.0, 1) + negative_binomial(-1.0, 0.0, 0)) / 2,
    ),
    ("binary_cross_entropy", {}, Y, ODDS, math.fsum(map(likelihood, Y, ODDS)) / 4),
    ("binary_cross_entropy", {}, np.array([1000.0, -1000.0]), np.array([0.0, 0.0]), 500.0),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "options", "y", "target", "expected"), CASES)
def test_each_loss_equals_its_formula(name, options, y, target, expected, dtype):
    target = target if isinstance(target, int) else target.astype(dtype)
    got = registry.make("loss", name, losses.Loss, options).step(y.astype(dtype), target)
    assert np.shape(got) == ()
    assert got.dtype == dtype
    assert float(got) == pytest.approx(expected, rel=1e-6 if dtype == np.float32 else 1e-14, abs=1e-7)


def test_every_built_in_loss_is_tested_here():
    with_states = {"crf", "ctc"}  # in test_sequence_losses.py
    assert {case[0] for case in CASES} | with_states == set(leaves("ostinato.losses", losses.Loss))


@pytest.mark.parametrize(
    ("log_mean", "log_r", "count", "value", "by_mean", "by_r"),
    [
        # from mpmath with 50 digits, of the parameters rounded to float32
        (13.8, 5.0, 1e6, 12.253026739945724, -2.3195376118799174, -0.48254803462794366),
        (13.8, 8.0, 1e6, 11.09531076594692, -46.45553422762751, -0.14027554013793977),
        (16.0, 0.0, 1e7, 17.125351796406935, -0.12535173308611197, -0.5699595202385714),
        (0.0, 8.0, 1.0, 1.000167712561234, 0.0, -0.00016769381166165372),
        (-100.0, 0.0, 3.0, 300.0, -3.0, 1.1666666666666667),
        (100.0, 0.0, 3.0, 100.0, 1.0, 97.16666666666667),
    ],
)
def test_the_likelihood_of_large_counts_has_the_digits_of_float32(
    log_mean, log_r, count, value, by_mean, by_r
):
    net = ost.Dense(1, 2)
    net.parameters()["weight"][...] = 0.0
    net.parameters()["bias"][...] = log_mean, log_r
    x, target = np.zeros((1, 1, 1), np.float32), np.full((1, 1, 1), count, np.float32)
    found, grads = net.value_and_grad(x, target, loss="negative_binomial_nll")
    # Some roundings of float32, 6e-8, of terms that are up to ten times the result.
    assert found == pytest.approx(value, rel=2e-6)
    assert grads.params["bias"].tolist() == pytest.approx([by_mean, by_r], rel=3e-5, abs=1e-7)


def test_a_loss_says_what_its_target_is():
    assert losses.CrossEntropy().target == "index"
    assert losses.MSE().target == "output"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: losses.MSE(haf=True), "loss 'mse' has no option 'haf'; did you mean 'half'"),
        (lambda: losses.MSE(half=1), "half is 1; expected True or False"),
        (lambda: losses.Huber(delta=0), "delta is 0; expected"),
        (lambda: losses.Pinball(quantiles=()), r"loss 'pinball': quantiles is \(\); expected a list"),
        (lambda: losses.Pinball(quantiles=0.5), "loss 'pinball': quantiles is 0.5; expected a list"),
        (lambda: losses.Pinball(quantiles=(0.5, 1)), r"quantiles\[1\] is 1; expected less than 1"),
        (lambda: losses.Pinball().target_size(4), "4 features; expected a multiple of 3"),
        (lambda: losses.GaussianNLL(smallest=0), "loss 'gaussian_nll': smallest is 0"),
        (lambda: losses.GaussianNLL().target_size(3), "3 features; expected an even number"),
        (lambda: losses.StudentTNLL().target_size(4), "4 features; expected a multiple of 3"),
        (lambda: losses.NegativeBinomialNLL().target_size(3), "3 features; expected an even number"),
        (lambda: losses.Loss().step(Y, T), "has no step"),
    ],
)
def test_a_wrong_loss_is_named(call, words):
    with pytest.raises(ConfigError, match=words):
        call()
