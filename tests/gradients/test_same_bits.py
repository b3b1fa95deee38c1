"""Promises about bits: threads, batch company and repetition change nothing."""

import numpy as np
import pytest

import ostinato as ost
from tests.gradients.cells import CELLS, problem

DTYPES = ["float32", "float64"]


@pytest.fixture
def threads():
    """Sets the number of threads; the one found before comes back after the test."""
    before = ost.get_num_threads()
    yield ost.set_num_threads
    ost.set_num_threads(before)


def differing(first, second):
    assert first.keys() == second.keys()
    return [name for name in first if first[name].tobytes() != second[name].tobytes()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", CELLS, ids=str)
def test_any_number_of_threads_gives_the_same_bits(row, dtype, threads):
    # 61 rows of 24 steps: enough work units for four threads, and not a multiple of any tile.
    case = problem(row, rows=61, steps=24, inputs=10, hidden=33, dtype=dtype, ragged=True)
    results = {}
    for count in (1, 2, 3, 4):
        threads(count)
        results[count] = case.results()
    for count in (2, 3, 4):
        assert differing(results[1], results[count]) == [], f"{count} threads differ from one"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", CELLS, ids=str)
def test_a_row_alone_has_the_bits_it_has_in_a_batch(row, dtype):
    case = problem(row, rows=19, steps=9, inputs=5, hidden=17, dtype=dtype, ragged=True)
    batch = case.results()
    for index in range(len(case.x)):
        alone = case.alone(index).results()
        for name, value in alone.items():
            if name.startswith("params."):
                continue  # a sum over the rows of a batch
            together = (
                batch[name][:, index : index + 1] if "state" in name else batch[name][index : index + 1]
            )
            assert value.tobytes() == np.ascontiguousarray(together).tobytes(), f"row {index}: {name} differs"


@pytest.mark.parametrize("row", CELLS, ids=str)
def test_what_stands_in_the_padding_changes_nothing(row):
    case = problem(row, rows=7, steps=6, inputs=4, hidden=9, ragged=True)
    clean = case.results()
    for index, length in enumerate(case.lengths):
        case.x[index, length:] = np.nan
        case.d_outputs[index, length:] = np.nan
    assert differing(clean, case.results()) == []
