"""States that move by some elements at each step: their products leave the loop, with the same results."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager, ops
from ostinato.testing import check_cell

TAPS = 3


class Line(ost.Cell):
    """A recurrent layer that reads its input and the input of three steps ago."""

    name = "line_of_tests"

    def parameters(self, size):
        wide = (size.hidden, size.input)
        return {"W": ost.Param((size.hidden, size.hidden)), "U": ost.Param(wide), "V": ost.Param(wide)}

    def state(self, size):
        return {"h": ost.State(size.hidden), "line": ost.State(TAPS * size.input)}

    def late(self, line, width):
        return line[-width:]

    def next(self, x, state):
        return ops.concat(x, state.line[: -len(x)])

    def step(self, x, state, p):
        h = ops.tanh(p.W @ state.h + p.U @ x + p.V @ self.late(state.line, len(x)))
        return h, {"h": h, "line": self.next(x, state)}


class NewestLast(Line):
    """The same with the newest values at the end."""

    def late(self, line, width):
        return line[:width]

    def next(self, x, state):
        return ops.concat(state.line[len(x) :], x)


class Overlapping(Line):
    """Reads overlapping parts, and the line is part of the output."""

    def step(self, x, state, p):
        n = len(x)
        both = state.line[n:][:n] + state.line[2 * n :]
        h = ops.tanh(p.W @ state.h + p.U @ x + p.V @ (both + state.line[n : 2 * n]))
        line = self.next(x, state)
        return h + 0.1 * ops.sum(line), {"h": h, "line": line}


class Matrix(Line):
    """A line of rows of a matrix."""

    def state(self, size):
        return {"h": ost.State(size.hidden), "line": ost.State((TAPS, size.input))}

    def late(self, line, width):
        return ops.reshape(line[TAPS - 1 :], (width,))

    def next(self, x, state):
        return ops.concat(ops.reshape(x, (1, len(x))), state.line[:-1])


class OfState(Line):
    """A line of the state: it stays in the loop."""

    def parameters(self, size):
        square = (size.hidden, size.hidden)
        return {"W": ost.Param(square), "U": ost.Param((size.hidden, size.input)), "V": ost.Param(square)}

    def state(self, size):
        return {"h": ost.State(size.hidden), "line": ost.State(TAPS * size.hidden)}

    def step(self, x, state, p):
        h = ops.tanh(p.W @ state.h + p.U @ x + p.V @ self.late(state.line, len(state.h)))
        return h, {"h": h, "line": self.next(h, state)}


class Cut(Line):
    """Not all elements move on: the last ones are new."""

    def next(self, x, state):
        n = len(x)
        return ops.concat(x, state.line[:n], 0.5 * x)


class Scaled(Line):
    """What moves also decays: no delay line, but linear."""

    def next(self, x, state):
        return 0.5 * ops.concat(x, state.line[: -len(x)])


CELLS = [Line, NewestLast, Overlapping, Matrix, OfState, Cut, Scaled]
MOVED = {Line, NewestLast, Overlapping, Matrix}


def explained(cell):
    return ost.Recurrent(cell, 16, 16).explain()


@pytest.mark.parametrize("cell", CELLS)
def test_only_lines_of_inputs_leave_the_loop(cell):
    (plan,) = ost.Recurrent(cell, 16, 16).plans()
    loops = 1 if cell in MOVED else 2
    outside = cell in MOVED
    assert ("state line: a delay line: outside the loop" in explained(cell)) == outside
    assert ("move along time   line" in explained(cell)) == outside
    assert ("move along time   d.line.next" in explained(cell)) == outside
    assert {plan[one]["gemms_in_loop"] for one in ("forward", "inference", "backward")} == {loops}


@pytest.mark.parametrize("cell", CELLS)
def test_the_kit_passes(cell):
    check_cell(cell, level="quick")


@pytest.mark.parametrize("cell", CELLS)
def test_the_results_are_those_of_numpy(cell):
    rng = np.random.default_rng(0)
    net = ost.Recurrent(cell, 2, 3, dtype="float64", seed=1)
    x, lengths = rng.normal(size=(40, 11, 2)), rng.integers(0, 12, 40)
    start = {name: rng.normal(size=(1, 40, *shape[1:])) for name, shape in net.state_shapes.items()}
    whole = net.run(x, state=start, lengths=lengths)
    parameters = {name.removesuffix("_l0"): one for name, one in net.parameters().items()}
    for n in range(0, 40, 3):
        begin = {name: one[0, n] for name, one in start.items()}
        outputs, final = eager.run(cell(), parameters, x[n, : lengths[n]], begin)
        np.testing.assert_allclose(whole.outputs[n, : lengths[n]], outputs, atol=1e-12)
        for name, one in final.items():
            np.testing.assert_allclose(whole.final_state[name][0, n], one, atol=1e-12)
    stream = net.stream(batch=40)
    run = net.run(x)
    for t in range(11):
        np.testing.assert_allclose(stream.step(x[:, t]), run.outputs[:, t], atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_training_is_that_of_the_inputs_of_earlier_steps(cell):
    # the same equations with everything in the loop: the line reads nothing that leaves it
    rng = np.random.default_rng(1)
    x, y, lengths = rng.normal(size=(6, 9, 2)), rng.normal(size=(6, 9, 3)), [9, 4, 0, 7, 9, 1]
    net = ost.Recurrent(cell, 2, 3, dtype="float64", seed=1)
    given = {"loss": "mse", "lengths": lengths}
    ways = [ost.FullBPTT(), ost.TruncatedBPTT(9, 9), ost.CheckpointedBPTT("sqrt")]
    found = [net.value_and_grad(x, y, through_time=way, **given) for way in ways]
    for _, grads in found[1:]:
        assert grads.arena.tobytes() == found[0][1].arena.tobytes()
        assert grads.inputs.tobytes() == found[0][1].inputs.tobytes()
    value = lambda: net.loss_value(x, y, **given)[0]  # noqa: E731
    for array, grad in ((net.arena, found[0][1].arena), (x, found[0][1].inputs)):
        for at in list(np.ndindex(array.shape))[::5]:
            before, slopes = array[at], []
            for moved in (1e-6, -1e-6):
                array[at] = before + moved
                slopes.append(value())
            array[at] = before
            assert grad[at] == pytest.approx((slopes[0] - slopes[1]) / 2e-6, abs=1e-8)


def test_a_delayed_input_equals_an_input_of_its_own():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, 20, 4))
    x[0, 3] = -0.0
    net = ost.Recurrent(Line, 4, 6, dtype="float64", seed=1)
    late = np.concatenate([np.zeros((5, TAPS, 4)), x[:, :-TAPS]], axis=1)
    both = ost.RNN(8, 6, bias=False, dtype="float64")
    p = {name.removesuffix("_l0"): one for name, one in net.parameters().items()}
    both.load_state_dict({"weight_ih_l0": np.concatenate([p["U"], p["V"]], axis=1), "weight_hh_l0": p["W"]})
    expected = both.run(np.concatenate([x, late], axis=2)).outputs
    np.testing.assert_allclose(net.run(x).outputs, expected, atol=1e-13)
