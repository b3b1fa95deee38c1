"""Frozen parameters: no gradient is computed for them, and everything else is bit-identical."""

import copy
import json
import pickle
from fnmatch import fnmatchcase

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from ostinato.io.model import KEY
from tests.called import cells as called
from tests.cell_table import CASES
from tests.graphs import makes as graphs

WAYS = {
    "full": ost.FullBPTT(),
    "truncated": ost.TruncatedBPTT(3, 5),
    "checkpointed": ost.CheckpointedBPTT("sqrt"),
}


def stack(dtype="float32"):
    return ost.Sequential(
        ost.Embedding(9, 4, dtype=dtype),
        ost.LSTM(4, 5, 2, bidirectional=True, dtype=dtype),
        ost.GRU(10, 6, dtype=dtype, regularizers=[ost.L2(0.1), ost.ActivationPenalty(0.1), ost.Zoneout(0.2)]),
        ost.MinGRU(6, 6, dtype=dtype),
        ost.Dense(6, 9, dtype=dtype),
    )


def batch(net, rows=20, steps=40, seed=0):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, steps + 1, rows)
    lengths[:2] = steps, 0
    x = rng.integers(0, 9, (rows, steps)) if net.takes_ids else rng.normal(size=(rows, steps, net.input_size))
    state = {
        name: rng.normal(size=(places, rows, *size)).astype(net.dtype)
        for name, (places, *size) in net.state_shapes.items()
    }
    return {"x": x, "lengths": lengths, "state": state, "seed": 3}


def derivatives(net, given, targets, loss, way=None, **options):
    return net.value_and_grad(targets=targets, loss=loss, through_time=way, **given, **options)


def equal_where_computed(some, everything, frozen):
    assert set(some.params) == set(everything.params) - set(frozen)
    for name, array in some.params.items():
        assert array.tobytes() == everything.params[name].tobytes(), name
    for mapping in ("initial_state", "final_state"):
        for name, array in getattr(some, mapping).items():
            assert array.tobytes() == getattr(everything, mapping)[name].tobytes(), name
    assert some.penalty == everything.penalty and some.losses == everything.losses


PATTERNS = [
    ["0.*"],
    ["*weight_hh*"],
    ["1.*_l0*"],
    ["0.*", "1.*"],
    ["2.*"],
    ["*bias*"],
    ["0.*", "1.*", "2.*", "3.*"],
    ["4.weight", "1.weight_ih_l1_reverse"],
    [],
]


@pytest.mark.parametrize("input_gradient", [True, False])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("patterns", PATTERNS, ids=" ".join)
def test_what_is_computed_has_the_bits_that_it_has_without_freezing(patterns, way, input_gradient, threads):
    net = stack()
    given = batch(net)
    targets = np.random.default_rng(1).integers(0, 9, given["x"].shape)
    for count in (1, 2):
        threads(count)
        net.unfreeze()
        options = {"way": WAYS[way], "input_gradient": input_gradient}
        value, everything = derivatives(net, given, targets, "cross_entropy", **options)
        net.freeze(*patterns)
        found, some = derivatives(net, given, targets, "cross_entropy", **options)
        assert value == found
        equal_where_computed(some, everything, net.frozen)
        if input_gradient:
            assert set(some.initial_state) == set(everything.initial_state)
        for name, one in net.parameters().items():
            place = slice(*_range(net, one))
            expected = 0 if name in net.frozen else everything.arena[place]
            assert (some.arena[place] == expected).all(), name


def _range(net, view):
    start = (view.__array_interface__["data"][0] - net.arena.__array_interface__["data"][0]) // view.itemsize
    return start, start + view.size


@pytest.mark.parametrize(("cell", "options"), [(cell, options) for cell, options, _ in CASES])
def test_every_parameter_of_every_cell_can_be_frozen_alone(cell, options):
    net = ost.Recurrent(cell, 3, 4, 2, dtype="float64", **options)
    given = batch(net, rows=4, steps=9)
    targets = np.random.default_rng(1).normal(size=(4, 9, net.output_size))
    value, everything = derivatives(net, given, targets, "mse")
    fixed = set(net.frozen)
    assert bool(fixed) == (cell == "echo_state")
    for name in set(net.parameters()) - fixed:
        net.unfreeze()
        net.freeze(name)
        found, some = derivatives(net, given, targets, "mse")
        assert (value, net.frozen) == (found, (name,))
        equal_where_computed(some, everything, [name])
        assert some.inputs.tobytes() == everything.inputs.tobytes()
        net.unfreeze()
        net.freeze(*(other for other in net.parameters() if other != name))
        _, alone = derivatives(net, given, targets, "mse", input_gradient=False)
        assert list(alone.params) == [name]
        assert alone.params[name].tobytes() == everything.params[name].tobytes()


@pytest.mark.parametrize("cell", [called.Equations, called.OneRow, called.ManyRows])
def test_parameters_of_a_step_in_python_can_be_frozen(cell):
    net = ost.Recurrent(cell(), 3, 4, dtype="float64")
    given = batch(net, rows=3, steps=5)
    targets = np.zeros((3, 5, 4))
    value, everything = derivatives(net, given, targets, "mse")
    for patterns in (["W*"], ["U*", "b*"], []):
        net.unfreeze()
        net.freeze(*patterns)
        found, some = derivatives(net, given, targets, "mse")
        assert value == found
        equal_where_computed(some, everything, net.frozen)
        assert some.inputs.tobytes() == everything.inputs.tobytes()
    assert not some.params and not some.arena.any()


@pytest.mark.parametrize("name", graphs.MAKES)
def test_every_layer_of_every_graph_can_be_frozen(name):
    case = graphs.case(name)
    rng = np.random.default_rng(2)
    targets = case.given(case.by_output(lambda _, shape: rng.normal(size=shape)))
    losses = case.given(case.by_output(lambda *_: "mse"))
    loss = losses if isinstance(losses, dict) else "mse"
    value, everything = case.net.value_and_grad(case.x, targets, loss=loss, **case.ragged)
    for layer in case.net.layers:
        case.net.unfreeze()
        if not any(one.startswith(f"{layer}.") for one in case.net.parameters()):
            continue
        case.net.freeze(f"{layer}.*")
        for input_gradient in (True, False):
            found, some = case.net.value_and_grad(
                case.x, targets, loss=loss, input_gradient=input_gradient, **case.ragged
            )
            assert value == found
            equal_where_computed(some, everything, case.net.frozen)


def test_a_run_goes_back_as_without_freezing():
    net = stack("float64")
    given = batch(net)
    d_outputs = np.random.default_rng(4).normal(size=(*given["x"].shape, 9))
    everything = net.run(training=True, **given).backward(d_outputs, d_penalty=0.5)
    net.freeze("1.*", "3.weight*")
    run = net.run(training=True, **given)
    net.unfreeze()  # the run goes back with what was frozen when it ran
    some = run.backward(d_outputs, d_penalty=0.5)
    frozen = [name for name in net.parameters() if fnmatchcase(name, "1.*") or name.startswith("3.weight")]
    equal_where_computed(some, everything, frozen)
    assert set(some.initial_state) == set(everything.initial_state)


def products(net, **options):
    return [plan["backward"]["weight_gemms_outside_loop"] for plan in net.plans(**options)]


def test_weight_products_of_frozen_parameters_are_not_in_the_plan():
    net = ost.Sequential(ost.Embedding(9, 4), ost.LSTM(4, 5), ost.GRU(5, 6), ost.Dense(6, 9))
    assert products(net) == [0, 2, 2, 1]
    net.freeze("1.weight_hh*", "3.*")
    assert products(net) == [0, 1, 2, 0]
    assert "3 sum(s)" not in net.explain() and "frozen: weight_hh" in net.explain()
    net.freeze("0.*")
    assert "scatter" not in net.explain()
    net.freeze("1.*", "2.*")
    net.unfreeze("3.*")
    assert products(net) == [0, 0, 0, 1]
    for plan in net.plans(input_gradient=False)[:3]:
        assert not any(plan["backward"].values()), plan["name"]  # no backward pass at all
        assert plan["forward"]["kept_width"] < 30
    assert net.explain(input_gradient=False).count("backward: none") == 3


def test_a_frozen_encoder_needs_less_memory():
    net = ost.Sequential(ost.LSTM(16, 64, 2), ost.Dense(64, 4))
    whole = net.training_memory(16, 200, loss="mse").bytes
    net.freeze("0.*")
    assert net.training_memory(16, 200, loss="mse").bytes < whole


def test_with_everything_frozen_there_is_the_loss_and_the_gradient_of_the_input():
    net = ost.Sequential(ost.LSTM(3, 4), ost.Dense(4, 2))
    given = batch(net, 4, 7)
    targets = np.zeros((4, 7, 2))
    value, everything = derivatives(net, given, targets, "mse")
    net.freeze()
    found, some = derivatives(net, given, targets, "mse")
    assert value == found and not some.params and not some.arena.any()
    assert some.inputs.tobytes() == everything.inputs.tobytes()
    assert some.initial_state["0.h"].tobytes() == everything.initial_state["0.h"].tobytes()
    found, none = derivatives(net, given, targets, "mse", input_gradient=False)
    assert value == found and not none.params and none.initial_state == {} and none.inputs is None


def test_a_penalty_of_frozen_weights_is_part_of_the_loss_and_has_no_gradient():
    net = ost.LSTM(3, 4, regularizers=[ost.L2(0.5)])
    given = batch(net, 4, 7)
    value, everything = derivatives(net, given, np.zeros((4, 7, 4)), "mse")
    net.freeze("weight*")
    found, some = derivatives(net, given, np.zeros((4, 7, 4)), "mse")
    assert value == found and some.penalty == everything.penalty > 0
    equal_where_computed(some, everything, net.frozen)
    assert not some.arena[slice(*_range(net, net.parameters()["weight_hh_l0"]))].any()


def test_freezing_belongs_to_the_parameter_wherever_it_is_seen():
    gru, head = ost.GRU(3, 4, 2), ost.Dense(4, 2)
    gru.freeze("*_l0")
    inner = ost.Sequential(gru)
    assert inner.frozen == tuple(f"0.{name}" for name in gru.frozen) and len(gru.frozen) == 4
    net = ost.Sequential({"body": inner, "head": head})
    assert net.frozen == tuple(f"body.{name}" for name in inner.frozen)
    head.freeze()
    gru.unfreeze("bias*")
    assert net.frozen == ("body.0.weight_ih_l0", "body.0.weight_hh_l0", "head.weight", "head.bias")
    net.unfreeze("*_ih_*")
    assert gru.frozen == ("weight_hh_l0",)
    both = ost.Bidirectional(ost.RNN(3, 4))
    both.freeze("*_reverse")
    assert both.backward.frozen == tuple(both.backward.parameters()) and not both.forward.frozen


def test_copies_pickles_and_files_keep_what_is_frozen(tmp_path):
    net = stack()
    net.freeze("1.*", "4.bias")
    path = tmp_path / "net.safetensors"
    net.save(path)
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), ost.load(path)):
        assert other.frozen == net.frozen and other[1].frozen == net[1].frozen
        other.unfreeze()
    assert net.frozen
    net.unfreeze()
    plain = tmp_path / "plain.safetensors"
    net.save(plain)
    assert b"frozen" not in plain.read_bytes() and ost.load(plain).frozen == ()


def test_bad_patterns_change_nothing():
    net = ost.Sequential(ost.GRU(3, 4), ost.Dense(4, 2))
    net.freeze("1.bias")
    for patterns, words in [
        (["0.*", "1.wieght"], "freeze: '1.wieght' matches no parameter; did you mean '1.weight'"),
        ([["0.*"]], r"freeze: \['0.\*'\]; expected names or patterns of names, each an argument of its own"),
        ([""], "freeze: '' matches no parameter"),
    ]:
        with pytest.raises(ost.ConfigError, match=words):
            net.freeze(*patterns)
    with pytest.raises(ost.ConfigError, match=r"unfreeze: '2\.\*' matches no parameter"):
        net.unfreeze("1.*", "2.*")
    assert net.frozen == ("1.bias",)
    net.freeze("1.bias")
    net.unfreeze("0.*")
    assert net.frozen == ("1.bias",)
    for name in ("trainable", "requires_grad"):
        with pytest.raises(AttributeError, match=r"use net\.freeze"):
            getattr(net, name)
        with pytest.raises(AttributeError, match=r"use net\.freeze"):
            setattr(net[0], name, False)
    with pytest.raises(AttributeError):
        net.frozen = ()


@pytest.mark.parametrize(
    "frozen", [["bais"], ["bias", "bias"], ["bias", "weight"], [], [3], [["bias"]], [{}], "bias"]
)
def test_a_file_with_bad_frozen_names_is_an_error(frozen, tmp_path):
    net = ost.Dense(3, 2)
    net.freeze("bias")
    path = str(tmp_path / "net.safetensors")
    net.save(path)
    metadata, tensors = _core.load_model(path)
    description = json.loads(metadata[KEY])
    assert description["frozen"] == ["bias"]
    metadata[KEY] = json.dumps({**description, "frozen": frozen})
    _core.save_model(path, metadata, list(tensors.items()))
    with pytest.raises(ost.FormatError, match="frozen"):
        ost.load(path)


def test_the_summary_shows_what_is_frozen():
    net = ost.Sequential(ost.GRU(3, 4), ost.Dense(4, 2))
    assert "frozen" not in str(net)
    net.freeze("1.*")
    assert "10 of them frozen" in str(net)
    assert sum(line.endswith("  frozen") for line in str(net).splitlines()) == 2
