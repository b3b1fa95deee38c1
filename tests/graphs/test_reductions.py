"""Reductions of sequences to values of rows: `last`, `first`, `mean`, `max` and `sum`."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from tests.graphs.makes import case, named


@pytest.mark.parametrize("name", ["layers of reductions", "reductions of the input"])
def test_a_row_of_length_0_gives_zeros_for_every_reduction(name: str) -> None:
    one = case(name)
    run = one.net.run(one.x, training=True, **one.ragged)
    grads = run.backward(one.given(one.by_output(lambda _, shape: np.ones(shape))))
    for value in named(run.outputs).values():
        assert not value[1].any()
    assert not grads.inputs[1].any()


def test_last_of_both_ways_is_the_end_of_each() -> None:
    gru = ost.GRU(3, 4, bidirectional=True, dtype="float64")
    net = ost.Graph({"all": (h := gru(ost.Input("x", size=3))), "last": ost.last(h)})
    x = np.random.default_rng(0).normal(size=(3, 6, 3))
    lengths = np.array([6, 2, 0])
    run = net.run(x, lengths=lengths)
    every, last = run.outputs["all"], run.outputs["last"]
    for n, length in enumerate(lengths):
        expected = np.concatenate([every[n, length - 1, :4], every[n, 0, 4:]]) if length else np.zeros(8)
        np.testing.assert_array_equal(last[n], expected)
    np.testing.assert_array_equal(last[:2], np.concatenate(list(run.final_state["0.h"]), axis=1)[:2])


def test_reductions_are_what_numpy_computes() -> None:
    x = ost.Input("x", size=3)
    names = ("last", "first", "mean", "max", "sum")
    net = ost.Graph({name: getattr(ost, name)(x) for name in names})
    values = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    outputs = net.run(values, lengths=[6, 4]).outputs
    for n, length in enumerate((6, 4)):
        row = values[n, :length]
        np.testing.assert_array_equal(outputs["last"][n], row[-1])
        np.testing.assert_array_equal(outputs["first"][n], row[0])
        np.testing.assert_array_equal(outputs["max"][n], row.max(0))
        # Sums of six numbers in another order.
        np.testing.assert_allclose(outputs["mean"][n], row.mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(outputs["sum"][n], row.sum(0), rtol=1e-5, atol=1e-6)


def test_the_gradient_of_max_goes_to_the_first_of_equal_steps() -> None:
    net = ost.Graph(ost.max(ost.Input("x", size=1)))
    run = net.run(np.array([[[1.0], [3.0], [3.0]]]), training=True)
    np.testing.assert_array_equal(run.backward([[1.0]]).inputs, [[[0.0], [1.0], [0.0]]])


def test_nan_in_a_valid_step_is_the_maximum() -> None:
    net = ost.Graph(ost.max(ost.Input("x", size=2)))
    outputs = net.run(np.array([[[1.0, 1.0], [np.nan, 2.0], [5.0, 0.0]]])).outputs
    np.testing.assert_array_equal(outputs, [[np.nan, 2.0]])


def test_with_resets_a_value_of_rows_is_that_of_the_last_sequence() -> None:
    one = case("tagger", resets=True)
    resets, lengths = one.ragged["resets"], one.ragged["lengths"]
    run = one.net.run(one.x, **one.ragged)
    for n in range(one.rows):
        marks = np.flatnonzero(resets[n, : lengths[n]])
        start = marks[-1] if marks.size else 0
        alone = one.net.run(
            {"w": one.inputs["w"][n : n + 1, start : lengths[n]], "s": one.inputs["s"][n : n + 1]}
        )
        np.testing.assert_array_equal(alone.outputs["mood"][0], run.outputs["mood"][n])
