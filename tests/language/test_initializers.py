"""Initializers: their statistics over many draws, and their exact properties."""

import numpy as np
import pytest

from ostinato import initializers
from ostinato.discover import leaves
from ostinato.errors import ConfigError, ShapeError
from ostinato.initializers import Constant, Initializer, Orthogonal, by_gate, get

SHAPE = (300, 200)
# name, options, standard deviation, bound of the values (None: normal)
RANDOM = [
    ("xavier_uniform", {}, np.sqrt(2 / 500), np.sqrt(6 / 500)),
    ("xavier_uniform", {"gain": 2.0}, 2 * np.sqrt(2 / 500), 2 * np.sqrt(6 / 500)),
    ("xavier_normal", {}, np.sqrt(2 / 500), None),
    ("xavier_normal", {"gain": 0.5}, 0.5 * np.sqrt(2 / 500), None),
    ("he_uniform", {}, np.sqrt(2 / 200), np.sqrt(6 / 200)),
    ("he_normal", {}, np.sqrt(2 / 200), None),
    ("uniform", {}, 1 / np.sqrt(3 * 200), 1 / np.sqrt(200)),
    ("uniform", {"bound": 0.3}, 0.3 / np.sqrt(3), 0.3),
    ("scaled_normal", {}, 1 / np.sqrt(200), None),
]
EXACT = [
    ("zeros", {}, np.zeros(SHAPE)),
    ("ones", {}, np.ones(SHAPE)),
    ("constant", {"value": 0.25}, np.full(SHAPE, 0.25)),
    ("identity", {}, np.eye(*SHAPE)),
    ("identity", {"scale": 0.5}, 0.5 * np.eye(*SHAPE)),
]


@pytest.mark.parametrize(
    ("name", "options", "deviation", "bound"), RANDOM, ids=[f"{r[0]}_{r[1]}" for r in RANDOM]
)
def test_random_values_have_their_mean_spread_and_bound(name, options, deviation, bound):
    values = get(name, **options)(SHAPE, np.random.default_rng(3))
    assert (values.shape, values.dtype) == (SHAPE, np.float64)
    # 60000 draws: the mean is within 5 standard errors (0.02 deviations), the deviation within 2 %.
    assert abs(values.mean()) < 0.021 * deviation
    assert values.std() == pytest.approx(deviation, rel=0.02)
    if bound is None:
        assert np.abs(values).max() > 3.5 * deviation
    else:
        assert 0.999 * bound < np.abs(values).max() <= bound


@pytest.mark.parametrize(("name", "options", "expected"), EXACT, ids=[f"{r[0]}_{r[1]}" for r in EXACT])
def test_fixed_values_are_exact(name, options, expected):
    values = get(name, **options)(SHAPE, np.random.default_rng(3))
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, expected)


def test_every_built_in_initializer_is_tested_here():
    tested = {row[0] for row in RANDOM} | {row[0] for row in EXACT} | {"orthogonal"}
    assert tested == set(leaves("ostinato.initializers", Initializer))


@pytest.mark.parametrize("gain", [1.0, 0.9, 1.7])
@pytest.mark.parametrize("size", [1, 2, 17, 64])
def test_the_gain_of_an_orthogonal_matrix_is_its_spectral_radius(size, gain):
    w = Orthogonal(gain=gain)((size, size), np.random.default_rng(size))
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(w)), gain, rtol=1e-10)
    np.testing.assert_allclose(np.linalg.svd(w, compute_uv=False), gain, rtol=1e-12)


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (1, 5)])
def test_an_orthogonal_matrix_that_is_not_square_has_orthonormal_rows_or_columns(shape):
    w = get("orthogonal")(shape, np.random.default_rng(0))
    small = w @ w.T if shape[0] < shape[1] else w.T @ w
    assert w.shape == shape
    assert w.flags.c_contiguous
    np.testing.assert_allclose(small, np.eye(min(shape)), atol=1e-14)


def test_orthogonal_matrices_are_spread_over_all_rotations():
    traces = [np.trace(Orthogonal()((4, 4), np.random.default_rng(seed))) for seed in range(2000)]
    # For the Haar measure the trace has mean 0 and variance 1; plain QR has a mean of about -2 here.
    assert abs(np.mean(traces)) < 0.1
    assert np.var(traces) == pytest.approx(1.0, abs=0.15)


def test_the_same_generator_state_gives_the_same_values():
    for name in ("orthogonal", "xavier_normal", "uniform"):
        one, other = (get(name)((5, 4), np.random.default_rng(9)) for _ in range(2))
        np.testing.assert_array_equal(one, other)


def test_by_gate_initializes_each_block_by_itself():
    w = by_gate("orthogonal", 3)((12, 4), np.random.default_rng(0))
    for block in np.split(w, 3):
        np.testing.assert_allclose(block @ block.T, np.eye(4), atol=1e-14)
    b = by_gate(["zeros", Constant(2.0), "ones"])((6,), np.random.default_rng(0))
    np.testing.assert_array_equal(b, [0, 0, 2, 2, 1, 1])


def test_a_callable_is_its_own_initializer():
    def mine(shape, rng):
        return np.zeros(shape)

    assert get(mine) is mine


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: get("orthogonl"), ConfigError, "unknown initializer 'orthogonl'; did you mean 'orthogonal'"),
        (lambda: get("orthogonal", gian=1), ConfigError, "no option 'gian'; did you mean 'gain'"),
        (lambda: get("orthogonal", gain=-1), ConfigError, "gain is -1; expected at least 0"),
        (lambda: get("orthogonal", gain=float("nan")), ConfigError, "gain is nan; expected a finite number"),
        (lambda: get("constant", value="1"), ConfigError, "value is '1'; expected a number"),
        (lambda: get("uniform", bound=float("inf")), ConfigError, "bound is inf"),
        (lambda: get("xavier_uniform")((3,), None), ConfigError, r"shape is \(3,\); it is for matrices"),
        (lambda: get(np.zeros, gain=2), ConfigError, "options gain"),
        (lambda: by_gate("zeros"), ConfigError, "gates is None"),
        (lambda: by_gate(["zeros"], 2), ConfigError, "1 initializers for 2 gates"),
        (lambda: by_gate("zeros", 4)((6,), None), ShapeError, "does not divide into 4 gates"),
        (lambda: initializers.Initializer()((1,), None), ConfigError, "makes no values"),
    ],
)
def test_a_wrong_initializer_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
