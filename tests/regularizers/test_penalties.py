"""What regularizers add to the loss of training: how much it is, its gradient, and where it is not."""

import numpy as np
import pytest

import ostinato as ost
from tests.regularizers.table import CELLS, Problem, differing, network
from tests.slopes import RELATIVE, slope

LENGTHS = [6, 0, 3, 1, 6, 5, 2, 4, 6]
ALPHA, BETA = 0.7, 1.3
PENALTIES = [ost.ActivationPenalty(ALPHA), ost.TemporalActivationPenalty(BETA), ost.L2(0.1)]


def data(net, rows=9, steps=6, seed=0):
    rng = np.random.default_rng(seed)
    x, targets = (
        rng.standard_normal((rows, steps, net.input_size)),
        rng.standard_normal((rows, steps, net.output_size)),
    )
    return x, targets


def by_formula(outputs, first, lengths, reduction):
    """AR and TAR of an RNN, whose output is its state: sums over rows and steps, one at a time."""
    terms = []
    for row, length in enumerate(lengths):
        before = first[row]
        for t in range(length):
            h = outputs[row, t]
            terms.append(ALPHA * (h**2).mean() + BETA * ((h - before) ** 2).mean())
            before = h
    return sum(terms) / (len(terms) if reduction == "mean" else 1)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_activation_penalties_are_their_formulas_and_part_of_the_loss(reduction):
    net = ost.RNN(3, 5, regularizers=PENALTIES[:2], dtype="float64")
    plain = ost.RNN(3, 5, dtype="float64")
    x, targets = data(net)
    state = {"h": np.random.default_rng(1).standard_normal((1, 9, 5))}
    # weights are of the loss's own terms: penalties count every valid step alike
    batch = {"loss": "mse", "lengths": LENGTHS, "state": state, "weights": np.arange(54.0).reshape(9, 6)}
    expected = by_formula(plain.run(x, state=state).outputs, state["h"][0], LENGTHS, reduction)
    bare, _ = plain.value_and_grad(x, targets, reduction=reduction, **batch)
    value, grads = net.value_and_grad(x, targets, reduction=reduction, **batch)
    assert grads.penalty == pytest.approx(expected, rel=1e-12)
    assert value == pytest.approx(bare + expected, rel=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_l2_is_the_sum_of_squares_of_all_matrices_of_a_network(reduction):
    # lambda (||W_hh||^2 + ||W_xh||^2 + ||W_hy||^2), whatever the loss is divided by
    l2 = [ost.L2(0.01)]
    net = ost.Sequential(ost.RNN(3, 5, regularizers=l2), ost.Dense(5, 2, regularizers=l2))
    x, targets = data(net)
    _, grads = net.value_and_grad(x, targets, loss="mse", reduction=reduction)
    named = {name: view.astype("float64") for name, view in net.parameters().items() if view.ndim == 2}
    assert set(named) == {"0.weight_ih_l0", "0.weight_hh_l0", "1.weight"}
    assert grads.penalty == pytest.approx(0.01 * sum((w**2).sum() for w in named.values()), rel=1e-6)


GROUPS = [
    ("rnn", {}, "recurrent", ["weight_hh"]),
    ("rnn", {}, "input", ["weight_ih"]),
    ("lstm", {"proj_size": 2}, "output", ["weight_hr"]),
    ("lstm", {"proj_size": 2}, "recurrent", ["weight_hh"]),
    ("gru", {"reset": "before"}, "recurrent", ["weight_hh"]),
    ("gru", {}, "bias_*", ["bias_ih", "bias_hh"]),
    ("lstm", {"peepholes": True}, "*", None),
]


@pytest.mark.parametrize(("cell", "options", "key", "names"), GROUPS)
def test_l2_takes_groups_and_patterns(cell, options, key, names):
    net = ost.Recurrent(cell, 3, 4, regularizers=[ost.L2({key: 0.5})], dtype="float64", **options)
    net.arena[...] = np.random.default_rng(0).standard_normal(net.arena.shape)
    params = net.parameters()
    names = [name.removesuffix("_l0") for name in params] if names is None else names
    expected = {f"{name}_l0": params[f"{name}_l0"] for name in names}
    run = net.run(np.zeros((2, 3, 3)), training=True)
    assert run.penalty == pytest.approx(0.5 * sum((w**2).sum() for w in expected.values()), rel=1e-12)
    gradients = run.backward(None, d_penalty=2.0).params
    for name, one in gradients.items():
        # d/dW of 0.5 ||W||^2, twice
        np.testing.assert_allclose(one, 2 * expected[name] if name in expected else 0 * one, rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_value_and_grad_has_the_slope_of_the_loss_that_it_returns(cell):
    net = network(cell, PENALTIES, 2, 3, num_layers=2, bidirectional=True, dtype="float64")
    x, targets = data(net, rows=3, steps=4)
    batch = {"loss": "mse", "lengths": [4, 0, 2]}
    _, grads = net.value_and_grad(x, targets, **batch)
    given = {"inputs": x, **net.parameters()}
    found = {"inputs": grads.inputs, **grads.params}
    for name, array in given.items():
        numeric = slope(lambda: net.value_and_grad(x, targets, **batch)[0], array)
        bound = RELATIVE * max(1.0, float(np.abs(numeric).max()))
        assert np.abs(found[name] - numeric).max() <= bound, name


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_checkpointed_has_the_bits_of_full(cell):
    net = ost.Recurrent(cell, 3, 8, num_layers=2, regularizers=[*PENALTIES, ost.Zoneout(0.2)])
    x, targets = data(net, steps=600)
    lengths = [600, 600, 450, 0, 512, 33, 600, 1, 580]
    batch = {"loss": "mse", "lengths": lengths, "seed": 3}
    value, full = net.value_and_grad(x, targets, **batch)
    again, other = net.value_and_grad(x, targets, through_time=ost.CheckpointedBPTT("sqrt"), **batch)
    assert (value, full.penalty) == (again, other.penalty)
    assert full.arena.tobytes() == other.arena.tobytes()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_truncated_is_the_sum_of_windows_that_stand_alone(cell):
    steps_only = PENALTIES[:2]
    net = ost.Recurrent(cell, 3, 4, num_layers=2, regularizers=steps_only, dtype="float64")
    x, targets = data(net, steps=10)
    lengths = np.array([10, 0, 3, 4, 7, 5, 1, 8, 9])
    value, grads = net.value_and_grad(
        x, targets, loss="mse", lengths=lengths, reduction="sum", through_time=ost.TruncatedBPTT(4, 4)
    )
    total, penalty, arena, state = 0.0, 0.0, np.zeros_like(net.arena), None
    for start in range(0, 10, 4):
        part = slice(start, start + 4)
        within = np.clip(lengths - start, 0, x[:, part].shape[1])
        one, window = net.value_and_grad(
            x[:, part], targets[:, part], loss="mse", lengths=within, state=state, reduction="sum"
        )
        total, penalty, arena, state = (
            total + one,
            penalty + window.penalty,
            arena + window.arena,
            window.final_state,
        )
    assert value == pytest.approx(total, rel=1e-12)
    assert grads.penalty == pytest.approx(penalty, rel=1e-12)
    np.testing.assert_allclose(grads.arena, arena, rtol=1e-10, atol=1e-12)


def test_both_directions_of_overlapping_windows_have_the_slopes_of_the_steps_that_count():
    # each window alone, counting its last k1 steps
    net = ost.RNN(2, 3, bidirectional=True, regularizers=[ost.ActivationPenalty(ALPHA)], dtype="float64")
    x, targets = data(net, rows=3, steps=6)
    lengths, (k1, k2) = np.array([6, 3, 5]), (2, 3)
    plain = ost.RNN(2, 3, bidirectional=True, dtype="float64")
    way = ost.TruncatedBPTT(k1, k2)
    batch = {"loss": "mse", "lengths": lengths, "reduction": "sum"}

    def penalty():
        plain.arena[...] = net.arena
        total = 0.0
        for start in range(0, 6, k1):
            begin = max(0, start + k1 - k2)
            # the state at the beginning of a window counts as given; backwards each begins with zeros
            state = {"h": np.stack([frozen[begin], np.zeros((3, 3))])} if begin else None
            within = np.clip(lengths - begin, 0, start + k1 - begin)
            y = plain.run(x[:, begin : start + k1], lengths=within, state=state).outputs
            for row, length in enumerate(lengths):
                for t in range(start, min(start + k1, length)):
                    parts = np.split(y[row, t - begin], 2)
                    total += ALPHA * sum((part**2).mean() for part in parts)
        return total

    forward = ost.RNN(2, 3, dtype="float64")
    forward.load_state_dict({name: net.parameters()[name] for name in forward.parameters()})
    frozen = {
        begin: forward.run(x[:, :begin], lengths=np.minimum(lengths, begin)).final_state["h"][0]
        for begin in range(1, 6)
    }
    _, grads = net.value_and_grad(x, targets, through_time=way, **batch)
    plain.arena[...] = net.arena
    _, bare = plain.value_and_grad(x, targets, through_time=way, **batch)
    assert grads.penalty == pytest.approx(penalty(), rel=1e-12)
    numeric = slope(penalty, net.arena)
    np.testing.assert_allclose(grads.arena - bare.arena, numeric, atol=1e-7)


def test_overlapping_windows_count_each_step_once():
    net = ost.GRU(3, 4, regularizers=PENALTIES, dtype="float64")
    x, targets = data(net, steps=12)
    full = net.value_and_grad(x, targets, loss="mse")[1].penalty
    for way in (ost.TruncatedBPTT(2, 5), ost.TruncatedBPTT(3, 3), ost.TruncatedBPTT(1, 11)):
        penalty = net.value_and_grad(x, targets, loss="mse", through_time=way)[1].penalty
        assert penalty == pytest.approx(full, rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_inference_and_loss_value_know_no_penalty(cell):
    net = network(cell, PENALTIES, 3, 5)
    plain = network(cell, [], 3, 5)
    x, targets = data(net)
    run = net.run(x)
    assert run.penalty is None
    assert run.outputs.tobytes() == plain.run(x).outputs.tobytes()
    values = [one.loss_value(x, targets, loss="mse")[0] for one in (net, plain)]
    assert values[0] == values[1]


@pytest.mark.parametrize("cell", CELLS)
def test_nan_in_the_padding_reaches_no_penalty(cell):
    net = network(cell, [*PENALTIES, ost.LayerNorm()], 3, 5, num_layers=2, bidirectional=True)
    case = Problem(net, rows=9, steps=6, lengths=LENGTHS)
    clean = case.results()
    x, targets = data(net)
    value, grads = net.value_and_grad(x, targets, loss="mse", lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        for array in (case.x, case.d_outputs, x, targets):
            array[row, length:] = np.nan
    assert differing(clean, case.results()) == []
    again, other = net.value_and_grad(x, targets, loss="mse", lengths=LENGTHS)
    assert (value, grads.penalty) == (again, other.penalty)
    assert grads.arena.tobytes() == other.arena.tobytes()


def test_a_saved_network_has_its_penalties(tmp_path):
    net = ost.Sequential(ost.LSTM(3, 4, regularizers=PENALTIES), ost.Dense(4, 2, regularizers=[ost.L2(0.2)]))
    net.save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    assert repr(loaded) == repr(net)
    x, targets = data(net)
    (value, grads), (again, other) = (one.value_and_grad(x, targets, loss="mse") for one in (net, loaded))
    assert (value, grads.penalty) == (again, other.penalty)
    assert grads.arena.tobytes() == other.arena.tobytes()
    clone = ost.Bidirectional(ost.Dense(3, 2, regularizers=["l2"]))
    assert "L2" in repr(clone)


def test_a_run_with_penalties_requires_d_penalty():
    net = ost.GRU(3, 4, regularizers=PENALTIES)
    run = net.run(np.zeros((2, 3, 3)), training=True)
    with pytest.raises(ost.ConfigError, match="d_penalty is missing"):
        run.backward(None)
    with pytest.raises(ost.ConfigError, match="d_penalty is 'a'"):
        run.backward(None, d_penalty="a")
    with pytest.raises(ost.ConfigError, match="no regularizer of this network"):
        ost.GRU(3, 4).run(np.zeros((2, 3, 3)), training=True).backward(None, d_penalty=1.0)


class Vector(ost.Regularizer):
    def step_penalty(self, y, new, old, noise):
        return y


class Number(ost.Regularizer):
    def penalty(self, params, noise):
        return 3.0


class Drawn(ost.Regularizer):
    def penalty(self, params, noise):
        return noise.uniform(())


@pytest.mark.parametrize(
    ("regularizer", "error", "message"),
    [
        (Vector(), ost.ShapeError, "one number: use ops.sum"),
        (Number(), ost.TraceError, "3.0; expected a value"),
        (Drawn(), ost.ConfigError, "noise.uniform"),
        (ost.L2({"recurent": 0.1}), ost.ConfigError, "'recurent' means no parameter"),
        (ost.L2({"output": 0.1}), ost.ConfigError, "recurrent \\(weight_hh\\)"),
        (ost.TemporalActivationPenalty(state="m"), ost.ConfigError, "no state 'm'"),
    ],
)
def test_what_is_no_penalty_is_refused(regularizer, error, message):
    with pytest.raises(error, match=message):
        ost.LSTM(3, 4, regularizers=[regularizer])


@pytest.mark.parametrize(
    "make",
    [
        lambda: ost.L2(-1.0),
        lambda: ost.L2({"recurrent": float("nan")}),
        lambda: ost.ActivationPenalty("1"),
        lambda: ost.TemporalActivationPenalty(-0.1),
        lambda: ost.LayerNorm(eps=0.0),
        lambda: ost.LayerNorm(gain=float("inf")),
    ],
)
def test_options_out_of_range_are_refused(make):
    with pytest.raises(ost.ConfigError):
        make()


class Plain(ost.Cell):
    """No product in it: nothing that a layer norm could normalise."""

    def step(self, x, state, p):
        return 2.0 * x, {}


def test_layer_norm_needs_a_product():
    with pytest.raises(ost.ConfigError, match="products of a matrix and a vector"):
        ost.Recurrent(Plain, 3, 3, regularizers=["layer_norm"])
