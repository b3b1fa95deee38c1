"""Sizes that remember how they were written."""

import copy
import pickle

import pytest

from ostinato.dims import Dim, describe, named, parse

SIZES = named({"input": 5, "hidden": 6})
X, H = SIZES["input"], SIZES["hidden"]

# expression, text, value
CASES = [
    (H, "hidden", 6),
    (4 * H, "4*hidden", 24),
    (H * 4, "4*hidden", 24),
    (2 * H + 1, "2*hidden+1", 13),
    (1 + 2 * H, "2*hidden+1", 13),
    (X + H, "input+hidden", 11),
    (H + H, "2*hidden", 12),
    (3 * H - H, "2*hidden", 12),
    (4 * H // 2, "2*hidden", 12),
    (4 * H // 4, "hidden", 6),
    ((2 * H + 4) // 2, "hidden+2", 8),
    (0 * H, "0", 0),
    (H - H, "0", 0),
    (H // 4, "1", 1),
    (H // H, "1", 1),
    (H * X, "30", 30),
    (H - 1, "5", 5),
    (10 - H, "4", 4),
    (Dim(7) * H, "7*hidden", 42),
    (Dim(7) + 1, "8", 8),
]


@pytest.mark.parametrize(("dim", "text", "value"), CASES, ids=[f"{text}_{value}" for _, text, value in CASES])
def test_arithmetic_keeps_a_linear_text_where_it_can(dim, text, value):
    assert (int(dim), dim.text) == (value, text)


@pytest.mark.parametrize(("dim", "text", "value"), CASES, ids=[f"{text}_{value}" for _, text, value in CASES])
def test_a_text_reads_back(dim, text, value):
    again = parse(text, value, SIZES)
    assert (int(again), again.text) == (value, text)


def test_a_text_of_another_form_reads_as_the_number():
    assert parse("hidden/2", 3, SIZES).text == "3"


def test_a_dim_is_an_int():
    assert H == 6
    assert list(range(10))[H] == 6
    assert hash(H) == hash(6)
    assert f"{H:03d} {H}" == "006 6"


@pytest.mark.parametrize("again", [pickle.loads(pickle.dumps(2 * H)), copy.deepcopy(2 * H)])
def test_a_copy_keeps_value_and_text(again):
    assert (int(again), again.text) == (12, "2*hidden")


def test_a_shape_is_described_with_its_texts_and_values():
    assert describe((2 * H, X)) == "(2*hidden, input) = (12, 5)"
    assert describe((H,)) == "(hidden,) = (6,)"
    assert describe((3, 4)) == "(3, 4)"
    assert describe(()) == "()"
