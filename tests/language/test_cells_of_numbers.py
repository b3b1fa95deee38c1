"""A state or a parameter of shape () is a single number."""

import numpy as np

import ostinato as ost
from ostinato import ops


class Counter(ost.Cell):
    """Counts the steps in a single number, and scales with another."""

    def parameters(self, size):
        return {"w": ost.Param((), init="ones")}

    def state(self, size):
        return {"n": ost.State(())}

    def step(self, x, state, p):
        n = state.n + 1.0
        return p.w * n * ops.sum(x) + 0.0 * x, {"n": n}


def test_a_state_and_a_parameter_may_be_single_numbers():
    net = ost.Recurrent(Counter, 2, 2)
    run = net.run(np.ones((3, 4, 2), "float32"), training=True)
    np.testing.assert_allclose(run.outputs[0, :, 0], [2.0, 4.0, 6.0, 8.0])
    assert run.final_state["n"].shape == (1, 3)
    assert run.backward(np.ones_like(run.outputs)).params["w_l0"].shape == ()
