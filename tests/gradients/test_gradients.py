"""The gradients of every cell are the slopes: float64 central differences of everything that was given."""

import os

import numpy as np
import pytest

from ostinato import _core
from tests.gradients.cells import CELLS, problem
from tests.slopes import RELATIVE, slope


def test_the_forced_instruction_set_is_in_use():
    # tests/isa runs this folder again with each instruction set: a typo there must not pass in silence.
    assert _core.instruction_set() == os.environ.get("OSTINATO_ISA", _core.instruction_set())


@pytest.mark.parametrize(
    ("steps", "ragged"), [(1, False), (5, False), (5, True)], ids=["T1", "T5", "T5-ragged"]
)
@pytest.mark.parametrize("row", CELLS, ids=str)
def test_gradients_equal_central_differences(row, steps, ragged):
    case = problem(row, rows=3, steps=steps, inputs=2, hidden=3, ragged=ragged)
    analytic = case.results()
    given = {"inputs": case.x}
    given |= {f"initial_state.{name}": value for name, value in case.state.items()}
    given |= {f"params.{name}": view for name, view in case.network.parameters().items()}
    for name, array in given.items():
        numeric = slope(case.scalar, array)
        # Relative to the largest slope of the tensor, and to 1 where all of them are small.
        bound = RELATIVE * max(1.0, float(np.abs(numeric).max()))
        worst = np.abs(analytic[name] - numeric).max()
        assert worst <= bound, f"{name}: off by {worst:.3g}, allowed {bound:.3g}"
