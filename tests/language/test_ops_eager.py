"""Every op on NumPy arrays against a formula of its own, and at the ends of the number range."""

import numpy as np
import pytest

from ostinato import _core, ops
from ostinato.errors import DTypeError, ShapeError
from ostinato.ops.table import TABLE
from tests.language.op_cases import CASES

IDS = [f"{i}_{case[0]}" for i, case in enumerate(CASES)]


@pytest.mark.parametrize(("name", "call", "operands", "formula"), CASES, ids=IDS)
def test_each_op_equals_its_formula(name, call, operands, formula):
    got, expected = call(*operands), formula(*operands)
    assert np.shape(got) == np.shape(expected)
    # A few roundings: the formulas sum exactly, the ops in float64.
    np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)


# argmax and one_hot give ids and ones: they have no float operand to take a type from.
TYPED = [case for case in CASES if case[0] not in ("argmax", "one_hot")]


@pytest.mark.parametrize(("name", "call", "operands", "formula"), TYPED, ids=[case[0] for case in TYPED])
def test_each_op_keeps_float32(name, call, operands, formula):
    narrow = [one.astype(np.float32) for one in operands]
    got = call(*narrow)
    assert got.dtype == np.float32
    # exp(30) of a rounded argument is off by 30 ulp; nothing here amplifies more.
    np.testing.assert_allclose(
        got, formula(*[one.astype(np.float64) for one in narrow]), rtol=5e-6, atol=2e-6
    )


@pytest.mark.parametrize(("name", "call", "operands", "formula"), CASES, ids=IDS)
def test_no_op_changes_its_operands(name, call, operands, formula):
    before = [one.copy() for one in operands]
    call(*operands)
    for one, old in zip(operands, before, strict=True):
        np.testing.assert_array_equal(one, old)


def test_every_op_of_the_table_has_a_row_of_cases():
    assert {case[0] for case in CASES} == set(TABLE)


def test_the_table_and_the_core_know_the_same_ops():
    assert set(_core.op_names()) == set(TABLE) | set(ops.entries.TABLE)


def test_every_op_is_a_public_function():
    # products and sums of this kind are written with @ and axis=
    assert set(TABLE) - {"product", "sum_first"} <= set(ops.__all__)
    for name in set(ops.__all__) - {"TABLE", "Value"}:
        assert getattr(ops, name).__doc__, name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_overflows_at_the_ends_of_the_range(dtype):
    big = np.array([-1e30, -1000.0, 1000.0, 1e30], dtype)
    np.testing.assert_array_equal(ops.sigmoid(big), [0, 0, 1, 1])
    np.testing.assert_array_equal(ops.softplus(big), np.array([0, 0, 1000, 1e30], dtype))
    np.testing.assert_array_equal(ops.tanh(big), [-1, -1, 1, 1])
    np.testing.assert_array_equal(ops.softmax(big), [0, 0, 0, 1])
    assert ops.logsumexp(big) == big[-1]
    assert np.all(np.isfinite(ops.log_softmax(big)))
    np.testing.assert_array_equal(ops.elu(big[:2]), [-1, -1])


def test_the_tails_of_sigmoid_and_softplus_keep_their_digits():
    np.testing.assert_allclose(ops.sigmoid(-50.0), np.exp(-50.0), rtol=1e-15)
    np.testing.assert_allclose(ops.softplus(-50.0), np.exp(-50.0), rtol=1e-15)
    np.testing.assert_allclose(ops.gelu(-10.0), -7.619853024160593e-23, rtol=1e-12)


def test_logsumexp_of_minus_infinity_is_minus_infinity():
    assert ops.logsumexp(np.full(3, -np.inf)) == -np.inf


def test_nan_passes_through_comparisons_of_size():
    nan = np.array([np.nan, 1.0])
    for one in (
        ops.minimum(nan, 0.0),
        ops.maximum(nan, 0.0),
        ops.relu(nan),
        ops.sigmoid(nan),
        ops.clip(nan, 0, 1),
    ):
        assert np.isnan(one[0])
        assert not np.isnan(one[1])


def test_a_comparison_is_a_number_that_can_be_added():
    x = np.array([1.0, 2.0, 3.0], np.float32)
    both = ops.less(x, 2.5) + ops.greater(x, 1.5)
    assert both.dtype == np.float32
    np.testing.assert_array_equal(both, [1, 2, 1])
    np.testing.assert_array_equal(ops.where(ops.less(x, 2), 1.0, -1.0), np.array([1, -1, -1], np.float32))


def test_norms_are_scaled_and_shifted_by_weight_and_bias():
    x, w, b = np.array([1.0, 2.0, 6.0]), np.array([2.0, 0.0, 1.0]), np.array([0.0, 5.0, 1.0])
    np.testing.assert_array_equal(ops.layer_norm(x, w, b), ops.layer_norm(x) * w + b)
    np.testing.assert_array_equal(ops.rms_norm(x, w), ops.rms_norm(x) * w)
    np.testing.assert_allclose(ops.layer_norm(x, eps=1.0), (x - 3) / np.sqrt(14 / 3 + 1), rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.split(np.zeros(7), 2), ShapeError, "7 does not divide into 2"),
        (lambda: ops.split(np.zeros(7), [3, 5]), ShapeError, "do not add up to the first axis of v of 7"),
        (lambda: ops.reshape(np.zeros(6), (4, -1)), ShapeError, "does not divide"),
        (lambda: ops.reshape(np.zeros(6), (4, 2)), ShapeError, "expected as many elements as"),
        (lambda: ops.slice(np.zeros(3), 1, 4), ShapeError, "start is 1, stop 4"),
        (lambda: ops.concat(), ShapeError, "at least one"),
        (lambda: ops.pick(np.zeros(3), 3), ShapeError, "index is 3, out of range; expected 0 to 2"),
        (lambda: ops.pick(np.zeros(3), -1), ShapeError, "index is -1, out of range"),
        (lambda: ops.lookup(np.zeros((2, 2)), 1.0), DTypeError, "integer"),
        (lambda: ops.one_hot(4, 4), ShapeError, "index is 4"),
        (lambda: ops.dot(np.zeros(2), np.zeros(3)), ShapeError, r"\(2,\) and b is \(3,\)"),
        (lambda: ops.argmax(np.zeros((2, 2))), ShapeError, "expected a vector"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()
