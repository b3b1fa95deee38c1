"""Fixed points equal closed forms where these exist, and their stability is right."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.analysis import fixed_points
from tests.analysis.maps import Henon, Logistic, network


def test_of_a_linear_cell_equal_the_closed_form():
    rng = np.random.default_rng(1)
    w, u, b = 0.3 * rng.standard_normal((5, 5)), rng.standard_normal((5, 3)), rng.standard_normal(5)
    net = ost.RNN(3, 5, nonlinearity="identity", dtype="float64")
    net.load_state_dict({"weight_hh_l0": w, "weight_ih_l0": u, "bias_ih_l0": b, "bias_hh_l0": b})
    x = rng.standard_normal(3)
    found = fixed_points(net, x, starts=20)
    np.testing.assert_allclose(found.points, [np.linalg.solve(np.eye(5) - w, u @ x + 2 * b)], rtol=1e-9)
    assert found.found.tolist() == [20]
    values = np.linalg.eigvals(w)
    np.testing.assert_allclose(np.sort_complex(found.eigenvalues[0]), np.sort_complex(values), atol=1e-12)
    assert found.stable.tolist() == [bool(np.abs(values).max() < 1)]


def test_of_published_maps_are_all_found():
    logistic = fixed_points(network(Logistic(r=3.2)))
    np.testing.assert_allclose(np.sort(logistic.points[:, 0]), [0.0, 1 - 1 / 3.2], atol=1e-9)
    slopes = {
        round(float(p), 6): e for p, (e,) in zip(logistic.points[:, 0], logistic.eigenvalues, strict=True)
    }
    assert slopes[0.0] == pytest.approx(3.2) and slopes[0.6875] == pytest.approx(2 - 3.2)
    assert not logistic.stable.any()
    henon = fixed_points(network(Henon()), scale=2.0)
    # x = 1 - 1.4 x^2 + 0.3 x
    np.testing.assert_allclose(np.sort(henon.points[:, 0]), np.sort(np.roots([1.4, 0.7, -1])), rtol=1e-9)


def test_a_bistable_unit_has_two_stable_points_and_one_between():
    net = ost.RNN(1, 1, bias=False, dtype="float64")
    net.load_state_dict({"weight_hh_l0": np.array([[2.0]]), "weight_ih_l0": np.array([[1.0]])})
    found = fixed_points(net, starts=50)
    order = np.argsort(found.points[:, 0])
    # The root of h = tanh(2 h), which the iteration itself finds from 1.
    h = 1.0
    for _ in range(200):
        h = np.tanh(2 * h)
    np.testing.assert_allclose(found.points[order, 0], [-h, 0.0, h], atol=1e-9)
    assert found.stable[order].tolist() == [True, False, True]
    assert found.found.sum() == found.starts == 50


@pytest.mark.parametrize("size", [2, 5, 12])
def test_a_point_with_eigenvalue_1_is_one_point(size):
    """The residual is a cube there: 1e-13 at a distance of 1e-4, where the search must not end."""
    net = ost.RNN(1, size, bias=False, dtype="float64")
    q = np.linalg.qr(np.random.default_rng(size).standard_normal((size, size)))[0]
    net.parameters()["weight_hh_l0"][...] = q @ np.diag([1.0] + [0.3] * (size - 1)) @ q.T
    found = fixed_points(net, starts=40)
    np.testing.assert_allclose(found.points, np.zeros((1, size)), atol=1e-6)
    assert found.found.tolist() == [40]


@pytest.mark.parametrize(
    "net",
    [
        ost.LSTM(3, 8, 2),
        ost.GRU(3, 6, dtype="float64"),
        ost.Sequential(ost.Embedding(5, 3), ost.GRU(3, 4), ost.Dense(4, 5)),
    ],
    ids=["lstm stack", "gru", "ids"],
)
def test_a_state_that_stays_under_the_network_itself(net):
    x = 2 if net.takes_ids else np.array([0.5, -1.0, 2.0])
    found = fixed_points(net, x, starts=10)
    assert len(found.points) >= 1
    state = {}
    for name, (layers, _) in net.state_shapes.items():
        parts = [found.slots[name if layers == 1 else f"{name}[{k}]"] for k in range(layers)]
        state[name] = np.stack([found.points[:, part] for part in parts])
    steps = np.broadcast_to(np.asarray(x), (len(found.points), 1, *np.shape(x)))
    final = net.run(steps, state=state).final_state
    tolerance = 1e-6 if net.dtype == np.float32 else 1e-9
    for name, values in state.items():
        np.testing.assert_allclose(final[name], values, atol=tolerance)


def test_no_fixed_point_is_an_empty_answer():
    class Counter(ost.Cell):
        def state(self, size):
            return {"s": ost.State(1)}

        def step(self, x, state, p):
            s = state.s + 1.0 + 0.0 * x
            return s, {"s": s}

    found = fixed_points(ost.Recurrent(Counter, 1, 1), starts=5)
    assert found.points.shape == (0, 1) and found.eigenvalues.shape == (0, 1)
    assert found.stable.shape == (0,) and found.starts == 5


@pytest.mark.parametrize(
    "given, message",
    [
        ({"starts": np.ones((3, 5))}, r"starts is \(3, 5\); expected \(K, 4\)"),
        ({"starts": 0}, "starts is 0"),
        ({"x": np.ones(2)}, "x is"),
        ({"tolerance": 0.0}, "tolerance is 0.0"),
    ],
)
def test_bad_arguments_are_named(given, message):
    with pytest.raises((ost.ConfigError, ost.ShapeError), match=message):
        fixed_points(ost.GRU(3, 4), **given)
