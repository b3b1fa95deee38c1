"""Published spectra come out, and chaos begins in a random network where theory puts it."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.analysis import jacobians, lyapunov_spectrum, spectral
from tests.analysis.maps import Henon, Logistic, Lorenz, network, start


def test_logistic_map_at_4_has_ln_2():
    found = lyapunov_spectrum(network(Logistic()), steps=20_000, state=start(0.3), every=10)
    # The mean of 20,000 steps wanders by about 1 / sqrt(20,000) of the spread, much less for this map.
    np.testing.assert_allclose(found.exponents, [np.log(2)], rtol=2e-3)
    assert found.largest == found.exponents[0] == found.history[-1, 0]
    assert found.drift < 0.01


def test_henon_map_has_the_published_spectrum():
    found = lyapunov_spectrum(network(Henon()), steps=60_000, state=start(0.1, 0.1), every=10)
    np.testing.assert_allclose(found.exponents, [0.419, -1.623], rtol=0.02)
    # Each step shrinks areas by 0.3, whatever the state: the sum is exact.
    np.testing.assert_allclose(found.exponents.sum(), np.log(0.3), rtol=1e-7)


def test_lorenz_by_an_integrator_step_has_the_published_spectrum():
    found = lyapunov_spectrum(
        network(Lorenz()), steps=100_000, warmup=1000, state=start(1.0, 1.0, 20.0), every=20, dt=0.01
    )
    largest, zero, least = found.exponents
    assert largest == pytest.approx(0.906, rel=0.02)
    # It is 0 along the flow; 2 % of the largest.
    assert abs(zero) < 0.018
    assert least == pytest.approx(-14.57, rel=0.02)
    # The divergence of the flow, -(10 + 1 + 8/3), is the same everywhere; what is left is the integrator's.
    np.testing.assert_allclose(found.exponents.sum(), -(11 + 8 / 3), rtol=1e-3)
    assert found.times[-1] == pytest.approx(1000.0)


def random_rnn(gain, size):
    """h' = tanh(W h), W's entries of deviation gain / sqrt(size)."""
    init = {"weight_hh_l0": lambda shape, rng: gain * rng.standard_normal(shape) / np.sqrt(size)}
    return ost.RNN(1, size, bias=False, init=init, dtype="float64", seed=5)


def test_a_random_tanh_network_changes_sign_near_gain_1():
    """Sompolinsky et al. 1988. 200 units are too few: limit cycles, with exponent 0, live up to gain 1.4."""
    size = 400
    state = {"h": np.random.default_rng(0).standard_normal((1, 1, size))}
    largest = {}
    for gain in (0.9, 0.95, 1.3, 1.4):
        net = random_rnn(gain, size)
        found = lyapunov_spectrum(net, steps=1000, warmup=500, state=state, count=1, every=20)
        largest[gain] = found.largest
        if gain < 1:
            # At rest it is the logarithm of the radius; a pair of eigenvalues makes it wander by 1 / T.
            (block,) = spectral(net).blocks.values()
            assert found.largest == pytest.approx(np.log(block.radius), abs=5e-3)
    assert largest[0.9] < largest[0.95] < 0 < largest[1.3] < largest[1.4], largest
    assert largest[1.4] > 0.03, largest


def test_a_linear_network_has_the_logarithms_of_its_singular_growth():
    weight = np.diag([0.9, -0.5, 0.25])
    net = ost.RNN(2, 3, nonlinearity="identity", bias=False, dtype="float64")
    net.load_state_dict({"weight_ih_l0": np.ones((3, 2)), "weight_hh_l0": weight})
    found = lyapunov_spectrum(net, np.ones(2), steps=50, warmup=100)
    np.testing.assert_allclose(found.exponents, np.log([0.9, 0.5, 0.25]), rtol=1e-9)


def test_a_sequence_drives_the_state_and_its_interval_does_not_matter():
    net = ost.GRU(3, 4, 2, dtype="float64", seed=2)
    x = np.random.default_rng(1).standard_normal((1, 60, 3))
    fine = lyapunov_spectrum(net, x, warmup=0, every=1)
    coarse = lyapunov_spectrum(net, x, warmup=0, every=7)
    # All eight tangents together grow as the determinant does, however often they are made orthogonal.
    np.testing.assert_allclose(fine.exponents.sum(), coarse.exponents.sum(), rtol=1e-6)
    np.testing.assert_allclose(
        fine.exponents.sum(), np.linalg.slogdet(jacobians(net, x).steps[0])[1].mean(), rtol=1e-9
    )
    assert len(coarse.times) == 9 and coarse.times[-1] == 60


@pytest.mark.parametrize(
    "given, error, message",
    [
        ({}, ost.ConfigError, "steps is None"),
        ({"steps": 5, "count": 9}, ost.ShapeError, "count is 9; expected at most 4"),
        ({"steps": 5, "x": np.ones(4)}, ost.ShapeError, r"x is \(4,\); expected \(3,\)"),
        ({"x": np.ones((1, 50, 3))}, ost.ShapeError, "x has 50 steps; expected at least 101"),
        ({"x": np.ones((2, 500, 3))}, ost.ShapeError, "x has 2 rows"),
        ({"steps": 5, "dt": 0.0}, ost.ConfigError, "dt is 0.0"),
    ],
)
def test_bad_arguments_are_named(given, error, message):
    with pytest.raises(error, match=message):
        lyapunov_spectrum(ost.GRU(3, 4), **given)


def test_a_trajectory_that_escapes_is_an_error():
    with pytest.raises(ost.NonFiniteError, match="not finite after"):
        lyapunov_spectrum(network(Logistic()), steps=1000, warmup=0, state=start(2.0))


def test_a_state_that_vanishes_in_one_step_has_minus_infinity():
    net = ost.RNN(1, 3, nonlinearity="relu", dtype="float64")
    net.arena[...] = 0.0
    found = lyapunov_spectrum(net, steps=20)
    assert (found.exponents == -np.inf).all() and found.drift == 0.0
