"""Cells whose step runs in Python do everything that cells in equations do, with the same numbers."""

import threading
import time

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from tests.called.cells import Alone, Equations, ManyRows, OneRow

CALLED = [OneRow, ManyRows]
LENGTHS = np.array([9, 4, 0, 7, 9, 1])
SETTINGS = {
    "one layer": {},
    "two layers, both directions": {"num_layers": 2, "bidirectional": True},
    "noise on input, state and output": {"regularizers": [ost.Zoneout(0.2), ost.Dropout(0.3)]},
    "residual": {"num_layers": 3, "residual": True},
}
WAYS = [ost.FullBPTT(), ost.TruncatedBPTT(4, 6), ost.CheckpointedBPTT("sqrt")]

# Both sides compute in float64, in another order of sums.
SAME = {"rtol": 1e-12, "atol": 1e-13}


def data(width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(6, 9, 3)), rng.normal(size=(6, 9, width))


def pair(cell, **setting):
    equations = ost.Recurrent(Equations, 3, 4, dtype="float64", **setting)
    called = ost.Recurrent(cell, 3, 4, dtype="float64", **setting)
    called.load_state_dict(equations.state_dict())
    return called, equations


@pytest.mark.parametrize("cell", CALLED)
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_losses_and_all_gradients_are_those_of_the_equations(cell, setting):
    nets = pair(cell, **setting)
    x, y = data(8 if setting.get("bidirectional") else 4)
    (loss, grads), (expected, wanted) = (
        net.value_and_grad(x, y, loss="mse", lengths=LENGTHS, seed=5) for net in nets
    )
    np.testing.assert_allclose(loss, expected, **SAME)
    np.testing.assert_allclose(grads.arena, wanted.arena, **SAME)
    np.testing.assert_allclose(grads.inputs, wanted.inputs, **SAME)
    for name, value in wanted.initial_state.items():
        np.testing.assert_allclose(grads.initial_state[name], value, **SAME)


@pytest.mark.parametrize("cell", CALLED)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: type(way).__name__)
def test_every_bptt_mode_gives_the_gradients_of_the_equations(cell, way):
    nets = pair(cell, regularizers=[ost.Zoneout(0.2)])
    x, y = data(4)
    called, equations = (net.value_and_grad(x, y, loss="mse", through_time=way, seed=2)[1] for net in nets)
    np.testing.assert_allclose(called.arena, equations.arena, **SAME)


@pytest.mark.parametrize("cell", CALLED)
def test_a_float32_network_rounds_what_the_step_gives(cell):
    net = ost.Recurrent(cell, 3, 4)
    exact = ost.Recurrent(Equations, 3, 4, dtype="float64")
    exact.load_state_dict(net.state_dict())
    x, _ = data(4)
    # Nine steps of rounding to 24 bits.
    np.testing.assert_allclose(net.run(x).outputs, exact.run(x).outputs, rtol=1e-5, atol=1e-6)


def test_a_stream_gives_the_outputs_of_a_run():
    net = ost.Recurrent(OneRow, 3, 4)
    x = data(4)[0].astype("float32")
    stream = net.stream(batch=6)
    steps = np.stack([stream.step(x[:, t]) for t in range(9)], axis=1)
    assert np.array_equal(steps, net.run(x).outputs)


def test_any_number_of_threads_gives_the_same_bits():
    net = ost.Recurrent(OneRow, 3, 4)
    x = np.random.default_rng(1).normal(size=(70, 9, 3)).astype("float32")
    before = ost.get_num_threads()
    results = []
    for threads in (1, 2, 4):
        ost.set_num_threads(threads)
        results.append(net.value_and_grad(x, x[..., :1] * np.ones(4, "f"), loss="mse")[1].arena.copy())
    ost.set_num_threads(before)
    assert all(np.array_equal(results[0], one) for one in results[1:])


def test_a_cell_without_states_and_parameters_runs():
    net = ost.Recurrent(Alone, 3, 3, dtype="float64")
    x, _ = data(3)
    loss, grads = net.value_and_grad(x, np.zeros_like(x), loss="mse", reduction="sum")
    np.testing.assert_allclose(loss, np.sum(x**2) / 3, rtol=1e-12)
    np.testing.assert_allclose(grads.inputs, 2 * x / 3, rtol=1e-12)


@pytest.mark.parametrize("cell", CALLED)
def test_explain_names_the_line_that_kept_it_from_being_traced(cell):
    plan = ost.Recurrent(cell, 3, 4).explain()
    assert "calls Python at every step" in plan
    assert ("cells.py:31: h = np.tanh(np.asarray(" if cell is OneRow else "batched is True") in plan


def test_a_step_that_can_be_traced_is_equations_although_it_has_a_vjp():
    class Promoted(Equations):
        def vjp(self, x, state, p, d_output, d_state):
            raise AssertionError("never called")

    net = ost.Recurrent(Promoted, 3, 4)
    assert "calls Python" not in net.explain()
    x, y = data(4)
    net.value_and_grad(x, y, loss="mse")


def test_a_model_file_needs_the_cell_and_says_so(tmp_path):
    class Kept(OneRow):
        name = "kept_in_python"

    net = ost.Recurrent(Kept, 3, 4)
    net.save(tmp_path / "model")
    with pytest.raises(ost.PluginError, match=r"kept_in_python.*is Python code.*register"):
        ost.load(tmp_path / "model")
    ost.register(Kept)
    x = data(4)[0]
    loaded = ost.load(tmp_path / "model")
    assert np.array_equal(loaded.run(x).outputs, net.run(x).outputs)
    loaded.value_and_grad(x, data(4)[1], loss="mse")


FAULTS = {
    "raises": (
        {"step": lambda self, x, state, p: (np.asarray(x, float), {"none": 1 / 0})},
        ost.PluginError,
        "step raised ZeroDivisionError",
    ),
    "output of another shape": (
        {"step": lambda self, x, state, p: (np.ones(7 + int(np.sum(x) != 0)), dict(h=x[:1], c=x[:1]))},
        ost.ShapeError,
        r"step gives output as float64 of shape \(8,\); expected floats of shape \(7,\)",
    ),
    "state left out": (
        {"step": lambda self, x, state, p: (np.abs(np.asarray(x, float)), {"h": np.zeros(4)})},
        ost.ShapeError,
        r"step gives \['h'\] for its states; expected \['h', 'c'\]",
    ),
    "gradient left out": (
        {"vjp": lambda self, x, state, p, d, ds: (x, {"h": d, "c": d}, {})},
        ost.ShapeError,
        "vjp gives .* for its parameters",
    ),
    "input changed": (
        {"step": lambda self, x, state, p: (x.__setitem__(0, 0.0 * float(x[0])), {})},
        ost.PluginError,
        "read-only",
    ),
}


@pytest.mark.parametrize(("methods", "error", "message"), FAULTS.values(), ids=FAULTS)
def test_a_step_at_fault_is_named(methods, error, message):
    cell = type("Faulty", (OneRow,), methods)
    x, _ = data(4)
    with pytest.raises(error, match=message):
        net = ost.Recurrent(cell, 3, 4)
        net.value_and_grad(x, np.zeros((6, 9, net.run(x).outputs.shape[2])), loss="mse")


def test_the_engine_works_on_after_a_step_has_raised():
    class Sometimes(OneRow):
        def step(self, x, state, p):
            if float(np.max(x)) > 100:
                raise OverflowError("too large")
            return super().step(x, state, p)

    net = ost.Recurrent(Sometimes, 3, 4)
    x, _ = data(4)
    before = net.run(x).outputs
    for _ in range(3):
        with pytest.raises(ost.PluginError, match="too large") as caught:
            net.run(x * 1000)
        assert isinstance(caught.value.__cause__, OverflowError)
    assert np.array_equal(net.run(x).outputs, before)


@pytest.mark.parametrize("threads", [1, 4, 100])
def test_no_exception_of_a_step_is_lost_among_those_of_other_threads(threads):
    class Failing(ManyRows):
        def step(self, x, state, p):
            if np.max(x) > 0:
                raise OverflowError("too large")
            return super().step(x, state, p)

    net, x = ost.Recurrent(Failing, 2, 4), np.ones((512, 2, 2), np.float32)
    before = ost.get_num_threads()
    ost.set_num_threads(threads)
    try:
        for _ in range(100):
            with pytest.raises(ost.PluginError, match="too large"):
                net.run(x)
    finally:
        ost.set_num_threads(before)


def test_an_exit_request_in_a_step_comes_before_an_error_of_another_thread():
    class Exit(BaseException):
        pass

    both_began = threading.Barrier(2, timeout=10)

    class Leaving(ManyRows):
        def step(self, x, state, p):
            if np.max(x) == 0:  # the step is tried with zeros when the network is made
                return super().step(x, state, p)
            both_began.wait()
            if np.max(x) == 7:
                time.sleep(0.01)  # the other error comes first
                raise Exit
            raise OverflowError("too large")

    net, x = ost.Recurrent(Leaving, 2, 4), np.ones((32, 1, 2), np.float32)
    x[:16] = 7  # the first of two row groups
    before = ost.get_num_threads()
    ost.set_num_threads(2)
    _core.set_eager(True)  # threads share even such small work
    try:
        for _ in range(5):
            with pytest.raises(Exit):
                net.run(x)
    finally:
        _core.set_eager(False)
        ost.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_stream_whose_step_raises_is_as_before(dtype):
    fails = []

    class Failing(ManyRows):
        def step(self, x, state, p):
            if fails:
                raise OverflowError("too large")
            return super().step(x, state, p)

    net = ost.Sequential(ost.GRU(3, 4, dtype=dtype), ost.Recurrent(Failing, 4, 5, dtype=dtype))
    net.parameters()["0.bias_hh_l0"][:] = 0.3
    stream, quiet = net.stream(2), np.full((2, 3), 0.1)
    for _ in range(3):
        stream.step(quiet)
    before, expected = stream.state, net.stream(2)
    expected.state = before
    fails.append(True)
    with pytest.raises(ost.PluginError, match="too large"):
        stream.step(quiet, resets=np.array([True, False]))
    fails.clear()
    assert all(np.array_equal(stream.state[name], before[name]) for name in before)
    assert np.array_equal(stream.step(quiet), expected.step(quiet))


def test_several_python_threads_may_call_one_network():
    net = ost.Recurrent(OneRow, 3, 4)
    x, _ = data(4)
    expected, results = net.run(x).outputs, []
    threads = [threading.Thread(target=lambda: results.append(net.run(x).outputs)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(results) == 4
    assert all(np.array_equal(one, expected) for one in results)


def test_tangents_are_refused_with_what_to_do():
    net = ost.Recurrent(OneRow, 3, 4)
    with pytest.raises(ost.TraceError, match="no tangent"):
        ost.analysis.jacobians(net, data(4)[0][0])


def test_many_rows_need_a_vjp():
    class Equation(Equations):
        batched = True

    with pytest.raises(ost.ConfigError, match="batched is True"):
        ost.Recurrent(Equation, 3, 4)
