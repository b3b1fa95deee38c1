"""The engine computes what the cell's own step computes in a plain NumPy loop."""

import numpy as np
import pytest

from ostinato import eager
from tests.gradients.cells import CELLS, problem

# float64, a few steps of numbers around 1: rounding is 1e-15; 1e-12 leaves room for another order of sums.
ABSOLUTE = 1e-12


@pytest.mark.parametrize("steps", [0, 1, 5])
@pytest.mark.parametrize("row", CELLS, ids=str)
def test_eager_numpy_equals_the_engine(row, steps):
    case = problem(row, rows=4, steps=steps, inputs=3, hidden=5)
    run = case.run()
    params = {name.removesuffix("_l0"): view for name, view in case.network.parameters().items()}
    for index in range(len(case.x)):
        state = {name: value[0, index] for name, value in case.state.items()}
        outputs, final = eager.run(case.network.cell, params, case.x[index], state)
        np.testing.assert_allclose(run.outputs[index], outputs, rtol=0, atol=ABSOLUTE)
        for name, value in final.items():
            np.testing.assert_allclose(run.final_state[name][0, index], value, rtol=0, atol=ABSOLUTE)
