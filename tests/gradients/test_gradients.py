"""The gradients of every cell are the slopes: float64 central differences of everything that was given."""

import os

import numpy as np
import pytest

from ostinato import _core
from tests.gradients.cells import CELLS, problem

# Central differences with this step are off by about step^2 = 1e-10 (curvature) and 1e-16 * |f| / step =
# 1e-10 (rounding), for numbers around 1 to 10: well below 1e-6.
STEP = 1e-5
RELATIVE = 1e-6


def slope(scalar, array):
    """Numeric derivative of `scalar()` by each entry of `array`, which is changed in place and restored."""
    result = np.empty(array.shape)
    for place in np.ndindex(*array.shape):
        kept = array[place]
        array[place] = kept + STEP
        above = scalar()
        array[place] = kept - STEP
        below = scalar()
        array[place] = kept
        result[place] = (above - below) / (2 * STEP)
    return result


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
