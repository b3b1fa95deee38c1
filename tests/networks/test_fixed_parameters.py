"""Parameters that are not learned: constants, echo states, and readouts by ridge regression."""

import copy
import json
import pickle

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core, ops
from ostinato.io.model import KEY

rng = np.random.default_rng(0)
X, TARGETS = rng.normal(size=(3, 8, 2)), rng.normal(size=(3, 8, 4))
TABLE = rng.normal(size=(4, 2))


class Fourier(ost.Cell):
    """Random Fourier features: cos(C x + b), with C fixed, times a learned gain."""

    def parameters(self, size):
        return {
            "C": ost.Const(TABLE),
            "b": ost.Param((size.hidden,), init="uniform", learned=False),
            "gain": ost.Param((size.hidden,), init="ones"),
        }

    def state(self, size):
        return {}

    def step(self, x, state, p):
        return p.gain * ops.cos(p.C @ x + p.b), {}


def network(**options):
    return ost.Sequential(ost.Recurrent(Fourier, 2, 4, **options), ost.Dense(4, 4, **options))


def test_what_is_not_learned_is_frozen_and_has_its_values():
    net = network(dtype="float64")
    assert net.frozen == ("0.C_l0", "0.b_l0")
    np.testing.assert_array_equal(net.parameters()["0.C_l0"], TABLE)
    grads = net.value_and_grad(X, TARGETS, loss="mse")[1]
    assert set(grads.params) == {"0.gain_l0", "1.weight", "1.bias"}


def test_training_changes_only_what_is_learned_even_with_weight_decay():
    net = network()
    before = net.state_dict()
    optimizer = ost.SGD(lr=0.1, weight_decay=0.5)
    ost.Trainer(net, loss="mse", optimizer=optimizer).fit(
        X.astype("float32"), TARGETS.astype("float32"), epochs=3
    )
    for name, value in net.state_dict().items():
        assert np.array_equal(value, before[name]) == (name in ("0.C_l0", "0.b_l0")), name


def test_unfreeze_leaves_it_frozen():
    net = network()
    net.freeze()
    net.unfreeze()
    assert net.frozen == ("0.C_l0", "0.b_l0")
    net.freeze("0.*")
    net.unfreeze("0.*")
    assert net.frozen == ("0.C_l0", "0.b_l0")
    with pytest.raises(ost.ConfigError, match=r"unfreeze: '\*C_l0': .*learned=False"):
        net.unfreeze("*C_l0")
    assert net.frozen == ("0.C_l0", "0.b_l0")


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "file"])
def test_copies_and_files_know_it(how, tmp_path):
    net = network(dtype="float64")
    if how == "file":
        net.save(tmp_path / "model")
        other = ost.load(tmp_path / "model")
    else:
        other = copy.deepcopy(net) if how == "deepcopy" else pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(other(X), net(X))
    other.unfreeze()
    assert other.frozen == ("0.C_l0", "0.b_l0")


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ([], "fixed parameters"),
        (["none"], "fixed parameters"),
        (["b", "C"], "fixed parameters"),
        ("C", "a list"),
    ],
)
def test_a_file_that_fixes_other_parameters_is_refused(fixed, words, tmp_path):
    path = tmp_path / "model"
    network().save(path)
    metadata, tensors = _core.load_model(str(path))
    assert '"fixed":["C","b"]' in metadata[KEY]
    text = metadata[KEY].replace('"fixed":["C","b"]', '"fixed":' + json.dumps(fixed))
    _core.save_model(str(path), {KEY: text}, list(tensors.items()))
    with pytest.raises(ost.FormatError, match=words):
        ost.load(path)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: ost.Const(["a"]), ost.DTypeError, "expected an array of numbers"),
        (lambda: ost.Const([np.inf]), ost.ConfigError, "not finite"),
        (lambda: ost.Const(np.ones((2, 2, 2))), ost.ShapeError, "at most 2"),
        (lambda: ost.Const(np.ones((0, 2))), ost.ShapeError, "below 1"),
        (lambda: ost.Param((2,), learned=1), ost.ConfigError, "learned is 1; expected True or False"),
        (lambda: ost.EchoState(1, 2, leak=0.0), ost.ConfigError, "leak is 0.0"),
        (lambda: ost.EchoState(1, 2, leak=1.5), ost.ConfigError, "leak is 1.5; expected at most 1"),
        (lambda: ost.EchoState(1, 2, spectral_radius=-1), ost.ConfigError, "spectral_radius is -1"),
        (lambda: ost.EchoState(1, 2, input_scale=0), ost.ConfigError, "input_scale is 0"),
    ],
)
def test_bad_declarations_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_the_reservoir_has_its_spectral_radius():
    net = ost.EchoState(3, 50, spectral_radius=0.7, input_scale=0.2, dtype="float64")
    params = net.parameters()
    assert np.abs(np.linalg.eigvals(params["weight_hh_l0"])).max() == pytest.approx(0.7)
    assert 0.15 < np.abs(params["weight_ih_l0"]).max() <= 0.2


def logistic(steps=2000):
    values = [0.3]
    while len(values) <= steps:
        values.append(3.9 * values[-1] * (1 - values[-1]))
    series = np.array(values)
    return series[None, :-1, None], series[None, 1:, None]


def test_a_readout_predicts_the_logistic_map():
    net = ost.Sequential(
        ost.EchoState(1, 100, spectral_radius=0.5, dtype="float64"), ost.Dense(100, 1, dtype="float64")
    )
    x, y = logistic()
    error = ost.fit_readout(net, x[:, :1000], y[:, :1000], ridge=1e-9, washout=50)
    later = (net(x) - y)[:, 1000:]
    assert error < 1e-7
    assert np.sqrt(np.mean(later**2) / y.var()) < 1e-3  # NRMSE of steps that were not fitted


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_the_readout_is_the_ridge_regression_of_the_valid_steps(bias, batch_first):
    options = {"dtype": "float64", "batch_first": batch_first}
    net = ost.Sequential(ost.EchoState(2, 5, **options), ost.Dense(5, 4, bias=bias, dtype="float64"))
    turned = (lambda a: a) if batch_first else (lambda a: np.swapaxes(a, 0, 1))
    lengths = [8, 3, 5]
    error = ost.fit_readout(net, turned(X), turned(TARGETS), ridge=0.3, lengths=lengths, washout=2)
    h = turned(net[0].run(turned(X), lengths=lengths).outputs)
    rows = [(h[n, t], TARGETS[n, t]) for n in range(3) for t in range(2, lengths[n])]
    a, y = np.array([one for one, _ in rows]), np.array([one for _, one in rows])
    a = np.hstack([a, np.ones((len(a), 1))]) if bias else a
    # the same as least squares with one more row for each weight; the bias has none
    extra = np.sqrt(0.3) * np.eye(5, a.shape[1])
    solution = np.linalg.lstsq(np.vstack([a, extra]), np.vstack([y, np.zeros((5, 4))]), rcond=None)[0]
    np.testing.assert_allclose(net.parameters()["1.weight"], solution[:5].T, rtol=1e-9, atol=1e-12)
    assert error == pytest.approx(np.mean((a @ solution - y) ** 2), rel=1e-9)


def test_a_readout_of_rows():
    net = ost.Sequential(ost.EchoState(2, 9, dtype="float64"), ost.Last(), ost.Dense(9, 1, dtype="float64"))
    targets = np.arange(3.0)[:, None]
    assert ost.fit_readout(net, X, targets, ridge=1e-12) < 1e-12
    np.testing.assert_allclose(net(X), targets, atol=1e-5)


SMALL = ost.Sequential(ost.EchoState(2, 3), ost.Dense(3, 4))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ost.fit_readout(ost.GRU(2, 3), X, TARGETS), ost.ConfigError, "expected a Sequential"),
        (
            lambda: ost.fit_readout(ost.Sequential(ost.GRU(2, 4)), X, TARGETS),
            ost.ConfigError,
            "expected a Dense after other layers",
        ),
        (
            lambda: ost.fit_readout(ost.Sequential(ost.GRU(2, 3), ost.Dense(3, 4, "tanh")), X, TARGETS),
            ost.ConfigError,
            "has an activation",
        ),
        (lambda: ost.fit_readout(SMALL, X, TARGETS[:2]), ost.ShapeError, "the shape of the outputs"),
        (lambda: ost.fit_readout(SMALL, X, "no"), ost.DTypeError, "targets is 'no'"),
        (lambda: ost.fit_readout(SMALL, X, TARGETS, ridge=0.0), ost.ConfigError, "ridge is 0.0"),
        (lambda: ost.fit_readout(SMALL, X, TARGETS, washout=8), ost.ConfigError, "no step is left"),
        (lambda: ost.fit_readout(SMALL, X, TARGETS * np.nan), ost.ConfigError, "not finite"),
    ],
)
def test_bad_readouts_are_refused_and_nothing_changes(call, error, words):
    before = SMALL.arena.copy()
    with pytest.raises(error, match=words):
        call()
    np.testing.assert_array_equal(SMALL.arena, before)
