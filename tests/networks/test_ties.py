"""`Dense(tied_to=embedding)`: one parameter with two names, whose gradients add up."""

import copy
import json
import pickle

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from ostinato.io.model import KEY

IDS, WIDTH = 11, 6


def tied(dtype="float64", bias=True):
    table = ost.Embedding(IDS, WIDTH, dtype=dtype)
    return ost.Sequential(
        table,
        ost.GRU(WIDTH, WIDTH, dtype=dtype),
        ost.Dense(WIDTH, IDS, tied_to=table, bias=bias, dtype=dtype),
    )


def untied(net):
    """The same function with a matrix of its own for each layer."""
    twin = ost.Sequential(
        ost.Embedding(IDS, WIDTH, dtype=net.dtype),
        ost.GRU(WIDTH, WIDTH, dtype=net.dtype),
        ost.Dense(WIDTH, IDS, bias="2.bias" in net.parameters(), dtype=net.dtype),
    )
    twin.load_state_dict(net.state_dict())
    return twin


def decoder_first(dtype="float64"):
    """A graph in which the tied layer is used, and listed, before the table."""
    table = ost.Embedding(IDS, WIDTH, dtype=dtype)
    features, ids = ost.Input("features", size=WIDTH), ost.Input("ids", ids=IDS)
    scores = ost.Sequential(ost.Dense(WIDTH, IDS, tied_to=table, dtype=dtype))(features)
    return ost.Graph({"scores": scores, "hidden": ost.Sequential(table, ost.RNN(WIDTH, 3, dtype=dtype))(ids)})


def batch(seed=0):
    rng = np.random.default_rng(seed)
    x, targets = rng.integers(0, IDS, (5, 8)), rng.integers(0, IDS, (5, 8))
    return {"x": x, "targets": targets, "loss": "cross_entropy", "lengths": [8, 0, 3, 8, 1]}


@pytest.mark.parametrize("way", [ost.FullBPTT(), ost.TruncatedBPTT(3, 4), ost.CheckpointedBPTT("sqrt")])
@pytest.mark.parametrize("bias", [True, False])
def test_the_gradient_is_the_sum_of_those_of_both_layers(bias, way):
    net = tied(bias=bias)
    twin = untied(net)
    value, grads = net.value_and_grad(**batch(), through_time=way)
    expected, parts = twin.value_and_grad(**batch(), through_time=way)
    assert value == expected
    assert set(parts.params) - set(grads.params) == {"2.weight"}
    for name, grad in grads.params.items():
        other = parts.params[name] + (parts.params["2.weight"] if name == "0.weight" else 0)
        assert grad.tobytes() == other.tobytes(), name
    assert net.arena.size < twin.arena.size


def test_it_is_listed_once_and_found_by_either_name():
    net = tied()
    parameters = net.parameters()
    assert "2.weight" not in list(parameters) and len(parameters) == 6
    assert parameters["2.weight"] is parameters["0.weight"] and "2.weight" in parameters
    net[0].parameters()["weight"][0] = 7.0
    state = net.state_dict()
    assert (state["2.weight"][0] == 7.0).all() and list(net[2].parameters()) == ["bias"]
    assert "tied_to=Embedding(11, 6)" in repr(net)
    net.freeze("2.weight")
    assert net.frozen == ("0.weight",) == tuple(f"0.{name}" for name in net[0].frozen)
    before = net.state_dict()
    optimizer = ost.Adam(0.1, weight_decay=0.1)
    _, grads = net.value_and_grad(**batch())
    optimizer.step(net.arena, grads.arena)
    after = net.state_dict()
    assert [name for name in before if (before[name] == after[name]).all()] == ["0.weight", "2.weight"]
    assert [plan["backward"]["weight_gemms_outside_loop"] for plan in net.plans()] == [0, 2, 0]


def test_an_optimizer_group_takes_either_name_and_no_two_groups_do():
    def stepped(**options):
        net = tied()
        optimizer = ost.SGD(0.1, **options)
        for _ in range(2):
            optimizer.step(net.parameters(), net.value_and_grad(**batch())[1].params)
        return net.arena.tobytes()

    group = {"momentum": 0.9}
    assert stepped(groups={"2.weight": group}) == stepped(groups={"0.*": group}) != stepped()
    with pytest.raises(ost.ConfigError, match=r"'0.weight' is in the groups \['0\.\*', '2\.\*'\]"):
        stepped(groups={"0.*": group, "2.*": group})


def test_state_dicts_may_have_either_name_or_both_with_the_same_values():
    net, other = tied(), tied()
    other.arena[...] = 0
    state = net.state_dict()
    for left_out in ([], ["0.weight"], ["2.weight"]):
        other.arena[...] = 0
        mismatch = other.load_state_dict({k: v for k, v in state.items() if k not in left_out})
        assert mismatch == ([], []) and (other.arena == net.arena).all()
    other.arena[...] = 0
    for wrong in (state["2.weight"] + 1, state["2.weight"][1:], "text"):
        with pytest.raises(
            ost.ConfigError, match=r"0.weight and 2.weight are tied, but have different values"
        ):
            other.load_state_dict({**state, "2.weight": wrong})
    with pytest.raises(ost.ConfigError, match=r"missing: 0\.weight"):
        other.load_state_dict({k: v for k, v in state.items() if k not in ("0.weight", "2.weight")})
    assert not other.arena.any()


@pytest.mark.parametrize("make", [tied, decoder_first])
def test_copies_pickles_and_files_are_tied_in_themselves(make, tmp_path):
    net = make()
    path, again = tmp_path / "net", tmp_path / "again"
    net.save(path)
    first = next(iter(net.parameters().aliases))
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), ost.load(path)):
        assert repr(other) == repr(net) and other.arena.tobytes() == net.arena.tobytes()
        assert other.parameters().aliases == net.parameters().aliases != {}
        assert other.graph() == net.graph()
        other.parameters()[first][...] = 0
        assert net.parameters()[first].any()
        for alias in next(iter(other.parameters().aliases.values())):
            assert not other.parameters()[alias].any()
    ost.load(path).save(again)
    assert again.read_bytes() == path.read_bytes()


def test_a_table_that_comes_later_gives_the_same_results():
    net = decoder_first()
    rng = np.random.default_rng(0)
    inputs = {"features": rng.normal(size=(3, 4, WIDTH)), "ids": rng.integers(0, IDS, (3, 4))}
    weight, bias = net.parameters()["0.0.weight"], net.parameters()["0.0.bias"]
    assert net.parameters().aliases == {"1.0.weight": ["0.0.weight"]}
    np.testing.assert_allclose(net(inputs)["scores"], inputs["features"] @ weight.T + bias, rtol=1e-12)
    targets = {"scores": rng.integers(0, IDS, (3, 4)), "hidden": rng.normal(size=(3, 4, 3))}
    _, grads = net.value_and_grad(inputs, targets, loss={"scores": "cross_entropy", "hidden": "mse"})
    for place in [(0, 0), (4, 3), (10, 5)]:
        old, values = weight[place], []
        for sign in (1, -1):
            weight[place] = old + sign * 1e-6
            losses = {"scores": "cross_entropy", "hidden": "mse"}
            values.append(net.loss_value(inputs, targets, loss=losses)[0])
        weight[place] = old
        # A central difference of step 1e-6 errs by about 1e-10 in float64.
        assert abs((values[0] - values[1]) / 2e-6 - grads.params["1.0.weight"][place]) < 1e-8


def test_a_layer_called_twice_and_two_layers_tied_to_one_table():
    table = ost.Embedding(IDS, WIDTH, dtype="float64")
    one, two = (ost.Dense(WIDTH, IDS, tied_to=table, dtype="float64", bias=False) for _ in range(2))
    h = table(ost.Input("ids", ids=IDS))
    net = ost.Graph({"a": one(h), "b": one(h), "c": two(h)})
    assert net.parameters().aliases == {"0.weight": ["1.weight", "2.weight"]} and len(net.parameters()) == 1
    ids = np.arange(IDS)[None]
    table_values = net.parameters()["0.weight"]
    for outputs in net(ids).values():
        np.testing.assert_allclose(outputs[0], table_values @ table_values.T, rtol=1e-12, atol=1e-12)


def test_penalties_and_noise_of_a_tied_weight():
    table = ost.Embedding(IDS, WIDTH, dtype="float64")
    options = {"dtype": "float64", "bias": False}
    head = ost.Dense(WIDTH, IDS, tied_to=table, regularizers=[ost.L2(0.5)], **options)
    net = ost.Sequential(table, head)
    _, grads = net.value_and_grad(**batch())
    twin = ost.Sequential(
        ost.Embedding(IDS, WIDTH, dtype="float64"),
        ost.Dense(WIDTH, IDS, regularizers=[ost.L2(0.5)], **options),
    )
    twin.load_state_dict(net.state_dict())
    _, parts = twin.value_and_grad(**batch())
    assert grads.penalty == parts.penalty > 0
    both = parts.params["0.weight"] + parts.params["1.weight"]
    np.testing.assert_allclose(grads.params["0.weight"], both, rtol=1e-12, atol=1e-14)


def test_what_does_not_fit_is_an_error():
    table = ost.Embedding(IDS, WIDTH)
    for make, kind, words in [
        (lambda: ost.Dense(WIDTH, IDS + 1, tied_to=table), ost.ShapeError, r"expected Dense\(6, 11, tied_to"),
        (lambda: ost.Dense(IDS, WIDTH, tied_to=table), ost.ShapeError, r"expected Dense\(6, 11, tied_to"),
        (
            lambda: ost.Dense(WIDTH, IDS, tied_to=table, dtype="float64"),
            ost.ConfigError,
            "expected 'float32'",
        ),
        (lambda: ost.Dense(WIDTH, IDS, tied_to=ost.GRU(3, 4)), ost.ConfigError, "expected an Embedding"),
        (lambda: ost.Dense(WIDTH, IDS, tied_to="0.weight"), ost.ConfigError, "expected an Embedding"),
        (lambda: ost.Dense(WIDTH, IDS, tied_to=ost.Embedding), ost.ConfigError, "expected an Embedding"),
    ]:
        with pytest.raises(kind, match=words):
            make()


def test_a_tied_layer_without_its_table_does_not_run_and_can_be_used_later():
    table = ost.Embedding(IDS, WIDTH)
    head = ost.Dense(WIDTH, IDS, tied_to=table)
    x = np.zeros((2, 3, WIDTH))
    lone = ost.Sequential(ost.GRU(WIDTH, WIDTH), head)
    for call in (
        lambda: head.run(x),
        lambda: lone.value_and_grad(x, np.zeros((2, 3, IDS)), loss="mse"),
        lambda: lone.plans(),
        lambda: lone.graph(),
        lambda: lone.stream(),
        lambda: ost.Graph(lone(ost.Input("x", size=WIDTH))),
    ):
        with pytest.raises(ost.ConfigError, match="is tied to a layer that is not in this network"):
            call()
    net = ost.Sequential(table, lone)  # none of the errors left anything behind
    assert net(np.zeros((2, 3), int)).shape == (2, 3, IDS)
    with pytest.raises(ost.ConfigError, match="is tied to a layer that is not in this network"):
        lone.run(x)
    assert copy.copy(head).tied_to is table


def test_a_lone_tied_layer_is_not_saved(tmp_path):
    head = ost.Dense(WIDTH, IDS, tied_to=ost.Embedding(IDS, WIDTH))
    with pytest.raises(ost.ConfigError, match="tied to a layer that is not in this network"):
        head.save(tmp_path / "head")
    assert not list(tmp_path.iterdir())


def layers(description):
    return [layer for _, layer in description["network"]["layers"]]


EDITS = {
    "no such table": lambda d: layers(d)[2].update(tied_to=1),
    "a table of another number": lambda d: layers(d)[0].update(table=1),
    "no table": lambda d: layers(d)[0].pop("table"),
    "no tie": lambda d: layers(d)[2].pop("tied_to"),
    "a text": lambda d: layers(d)[2].update(tied_to="0"),
    "a table of another shape": lambda d: None,
}


@pytest.mark.parametrize("name", EDITS)
def test_a_damaged_tie_is_a_format_error(name, tmp_path):
    path = str(tmp_path / "net")
    tied().save(path)
    metadata, tensors = _core.load_model(path)
    description = json.loads(metadata[KEY])
    if name == "a table of another shape":
        other = str(tmp_path / "other")
        wide = ost.Embedding(IDS + 1, WIDTH, dtype="float64")
        ost.Sequential(wide, ost.Dense(WIDTH, IDS + 1, tied_to=wide, dtype="float64")).save(other)
        foreign = json.loads(_core.load_model(other)[0][KEY])
        place = layers(foreign)[1]["step"]["program"]
        layers(description)[2]["step"]["program"] = len(description["programs"])
        description["programs"].append(foreign["programs"][place])
    else:
        EDITS[name](description)
    _core.save_model(path, {**metadata, KEY: json.dumps(description)}, list(tensors.items()))
    with pytest.raises(ost.FormatError):
        ost.load(path)
