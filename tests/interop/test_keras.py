"""Weights of Keras 3: every layer gives Keras's outputs; other architectures are refused."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.io import load_keras
from ostinato.io.keras.activations import COMPARED
from ostinato.io.keras.network import places
from ostinato.layers.dense import ACTIVATIONS

h5py = pytest.importorskip("h5py", reason="h5py is not installed; the extra [test] has it")
FOLDER = Path(__file__).parents[1] / "golden" / "keras"

# float32 on both sides, some hundred operations on numbers of about 1; a wrong gate or axis differs by 0.01.
FLOAT32 = 2e-6


def every_layer(**changed: Any) -> ost.Sequential:
    options = {"before": "before", "nonlinearity": "relu", "width": 4, **changed}
    return ost.Sequential(
        ost.Embedding(6, 3),
        ost.LSTM(3, options["width"], bidirectional=True),
        ost.GRU(2 * options["width"], 3),
        ost.GRU(3, 3, reset=options["before"]),
        ost.Dropout(0.5),
        ost.LSTM(3, 2, bias=False),
        ost.RNN(2, 3, nonlinearity=options["nonlinearity"]),
        ost.Dense(3, 4, "tanh"),
        ost.Dense(4, 2),
    )


def branches(activation: str = "softmax") -> ost.Sequential:
    return ost.Sequential(
        ost.Bidirectional(ost.GRU(2, 3, reset="before")),
        ost.RNN(6, 2, bidirectional=True),
        ost.GRU(4, 4),
        ost.Last(),
        ost.Dense(4, 3, activation),
    )


@pytest.fixture(scope="module")
def results() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "results.npz") as file:
        return dict(file)


@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
@pytest.mark.parametrize(("make", "inputs"), [(every_layer, "ids"), (branches, "x")])
def test_the_network_computes_what_keras_computed(make, inputs, ending, results):
    net = make()
    expected = results[make.__name__]
    assert np.abs(net(results[inputs]) - expected).max() > 0.1
    load_keras(net, FOLDER / f"{make.__name__}.{ending}")
    assert np.abs(net(results[inputs]) - expected).max() < FLOAT32


@pytest.mark.parametrize(
    ("kind", "warned"),
    [("ReLU", True), ("Add", True), ("Rescaling", True), ("Dropout", False), ("GaussianNoise", False)],
)
def test_a_layer_that_computes_without_weights_is_named_by_a_warning(kind, warned, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(FOLDER / "every_layer.keras") as file, zipfile.ZipFile(path, "w") as out:
        for name in file.namelist():
            data = file.read(name)
            if name == "config.json":
                data = data.replace(b'"class_name": "Dropout"', f'"class_name": "{kind}"'.encode())
            out.writestr(name, data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = load_keras(every_layer(), path)
    said = f"dropout ({kind}): no weights, so the network must compute the same by itself"
    assert [str(one.message).endswith(said) for one in caught] == [True] * warned
    assert (said in found.notes) == warned


def test_the_report_names_layers_without_weights_and_what_the_weights_do_not_say():
    found = load_keras(every_layer(), FOLDER / "every_layer.keras")
    assert found.used["1.weight_ih_l0_reverse"] == "both" and found.used["8.bias"] == "head"
    assert found.without_weights == ("dropout",) and "without weights: dropout" in str(found)
    logits = ost.Sequential(
        ost.Bidirectional(ost.GRU(2, 3, reset="before")),
        ost.RNN(6, 2, bidirectional=True),
        ost.GRU(4, 4),
        ost.Dense(4, 3),
    )
    assert load_keras(logits, FOLDER / "branches.keras").notes == (
        "last returns its last step alone",
        "classes has the activation softmax; the network returns logits",
    )


def test_a_graph_takes_the_layers_by_kind(results):
    x = ost.Input("x", size=2)
    h = ost.Bidirectional(ost.GRU(2, 3, reset="before"))(x)
    net = ost.Graph(ost.Dense(4, 3, "softmax")(ost.last(ost.GRU(4, 4)(ost.RNN(6, 2, bidirectional=True)(h)))))
    load_keras(net, FOLDER / "branches.keras")
    assert np.abs(net(results["x"]) - results["branches"]).max() < FLOAT32


@pytest.mark.parametrize("ending", ["keras", "weights.h5"])
@pytest.mark.parametrize(
    ("changed", "theirs", "ours"),
    [
        ({"before": "after"}, "GRU(3 -> 3, reset_after=False)", "GRU(3 -> 3, reset_after=True), LSTM"),
        ({"width": 5}, "Bidirectional(LSTM(3 -> 4))", "Bidirectional(LSTM(3 -> 5))"),
        ({"nonlinearity": "tanh"}, "SimpleRNN(2 -> 3, activation='relu')", "SimpleRNN(2 -> 3), Dense"),
    ],
    ids=["reset", "width", "activation"],
)
def test_another_architecture_is_refused_with_both(changed, theirs, ours, ending):
    net = every_layer(**changed)
    before = net.arena.copy()
    if ending == "weights.h5" and "nonlinearity" in changed:
        load_keras(net, FOLDER / "every_layer.weights.h5")  # such a file has no activations
        return
    with pytest.raises(ost.ConfigError) as caught:
        load_keras(net, FOLDER / f"every_layer.{ending}")
    assert theirs in str(caught.value) and ours in str(caught.value)
    assert np.array_equal(net.arena, before)


@pytest.mark.parametrize(
    "net",
    [
        pytest.param(lambda: ost.LSTM(3, 4, peepholes=True), id="peepholes"),
        pytest.param(lambda: ost.IndRNN(3, 4), id="another cell"),
        pytest.param(lambda: ost.GRU(3, 3, residual=True), id="residual"),
        pytest.param(lambda: ost.LSTM(3, 4, regularizers=[ost.LayerNorm()]), id="layer norm"),
        pytest.param(lambda: ost.Bidirectional(ost.GRU(3, 4, 2)), id="a stack in two directions"),
    ],
)
def test_a_network_that_keras_does_not_have_is_refused(net):
    with pytest.raises(ost.ConfigError, match="which Keras does not have"):
        load_keras(net(), FOLDER / "branches.keras")


def test_more_or_fewer_layers_are_refused():
    with pytest.raises(ost.ConfigError, match="expected the same layers"):
        load_keras(ost.Sequential(branches(), ost.Dense(3, 3)), FOLDER / "branches.keras")
    with pytest.raises(ost.ConfigError, match="expected the same layers"):
        load_keras(ost.GRU(4, 4), FOLDER / "branches.keras")
    with pytest.raises(ost.DTypeError, match="expected a Network"):
        load_keras("net", FOLDER / "branches.keras")


def file(path: Path, groups: dict[str, list[Any]]) -> Path:
    with h5py.File(path, "w") as root:
        for group, arrays in groups.items():
            for number, array in enumerate(arrays):
                root[f"layers/{group}/vars/{number}"] = np.asarray(array)
    return path


def test_layers_of_one_size_and_of_unknown_order_are_refused(tmp_path):
    square = [np.eye(2), np.zeros(2)]
    path = file(tmp_path / "m", {"dense": square, "time_distributed/layer": square})
    net = ost.Sequential(ost.Dense(2, 2), ost.Dense(2, 2))
    with pytest.raises(ost.ConfigError, match="has no order of them"):
        load_keras(net, path)
    load_keras(net, path, layers=["time_distributed", "dense"])
    load_keras(net, file(tmp_path / "n", {"dense": square, "dense_1": [2 * np.eye(2), np.zeros(2)]}))
    assert np.array_equal(net.parameters()["1.weight"], 2 * np.eye(2))


def test_layers_are_in_the_order_of_their_numbers(tmp_path):
    groups = {f"dense_{n}" if n else "dense": [np.full((1, 1), n), np.zeros(1)] for n in range(12)}
    net = ost.Sequential(*(ost.Dense(1, 1) for _ in range(12)))
    with pytest.raises(ost.FormatError, match="numbers of int64"):
        load_keras(net, file(tmp_path / "m", groups))
    load_keras(net, file(tmp_path / "m", {n: [a.astype(float) for a in one] for n, one in groups.items()}))
    assert [net.parameters()[f"{n}.weight"][0, 0] for n in range(12)] == list(range(12))


def test_damaged_and_other_files_are_format_errors(tmp_path):
    net = ost.Dense(2, 2)
    path = tmp_path / "m"
    good = (FOLDER / "branches.weights.h5").read_bytes()
    for data, message in (
        (b"", "no file of Keras 3"),
        (good[:2000], "no file of Keras 3"),
        (b"PK\x03\x04" + bytes(40), "no file of Keras 3"),
    ):
        path.write_bytes(data)
        with pytest.raises(ost.FormatError, match=message):
            load_keras(net, path)
    with pytest.raises(FileNotFoundError):
        load_keras(net, tmp_path / "none")
    for groups, message in (
        ({"conv1d": [np.ones((3, 2, 2))]}, "of the kind 'conv1d'; expected SimpleRNN"),
        ({"functional/layers/dense": [np.ones((2, 2))]}, "of the kind 'functional'"),
        ({"dense": [np.ones(2)]}, "arrays of the shapes"),
        ({"lstm/cell": [np.ones((2, 8)), np.ones((3, 8))]}, "arrays of the shapes"),
        ({"gru/cell": [np.ones((2, 9)), np.ones((3, 9)), np.ones((3, 9))]}, "arrays of the shapes"),
        ({"dense": [np.ones((2, 2))] * 4}, "has the arrays 0, 1, 2, 3"),
    ):
        with pytest.raises(ost.FormatError, match=message):
            load_keras(net, file(path, groups))
    with h5py.File(path, "w") as root:
        root.create_group("model_weights")
    with pytest.raises(ost.FormatError, match="a file of Keras 2"):
        load_keras(net, path)


def test_numbers_in_other_files_are_refused(tmp_path):
    (tmp_path / "secret").write_bytes(bytes(32))
    for kind in ("external link", "soft link", "external numbers"):
        path = file(tmp_path / "m", {"dense": []})
        with h5py.File(path, "w") as root:
            group = root.create_group("layers/dense/vars")
            if kind == "external numbers":
                group.create_dataset("0", (2, 2), "f8", external=[(str(tmp_path / "secret"), 0, 32)])
            else:
                root["w"] = np.ones((2, 2))
                group["0"] = (
                    h5py.SoftLink("/w") if kind == "soft link" else h5py.ExternalLink(str(path), "/w")
                )
        with pytest.raises(ost.FormatError, match=r"another (place|file)"):
            load_keras(ost.Dense(2, 2), path)


def rewritten(tmp_path: Path, change: Any) -> Path:
    """`branches.keras` with another description."""
    with zipfile.ZipFile(FOLDER / "branches.keras") as old:
        config = json.loads(old.read("config.json"))
        change(config)
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as new:
            new.writestr("config.json", json.dumps(config))
            new.writestr("model.weights.h5", old.read("model.weights.h5"))
    return tmp_path / "m.keras"


@pytest.mark.parametrize(
    ("layer", "option", "value", "message"),
    [
        (3, "time_major", True, "time_major=True; expected False"),
        (4, "quantization_config", {"mode": "int8"}, "quantization_config="),
        (1, "merge_mode", "sum", "merge_mode='sum'; expected 'concat'"),
        (
            3,
            "recurrent_activation",
            "hard_sigmoid",
            "recurrent_activation='hard_sigmoid'; expected 'sigmoid'",
        ),
        (3, "go_backwards", True, "go_backwards=True"),
    ],
)
def test_options_that_no_network_has_are_refused(tmp_path, layer, option, value, message):
    def change(config):
        config["config"]["layers"][layer]["config"][option] = value

    with pytest.raises(ost.FormatError, match=message):
        load_keras(branches(), rewritten(tmp_path, change))


@pytest.mark.parametrize(
    ("option", "value", "note"),
    [
        ("stateful", True, "stateful=True"),
        ("return_state", True, "return_state=True"),
        ("dropout", 0.5, "dropout=0.5"),
        ("recurrent_dropout", 0.5, "recurrent_dropout=0.5"),
        ("dtype", "float64", "computes in float64"),
        ("mask_zero", True, "mask_zero=True"),
        ("new_option", 3, "new_option=3, which is not compared"),
        ("unroll", True, None),
        ("trainable", False, None),
        ("seed", 3, None),
        ("zero_output_for_mask", True, None),
        ("kernel_regularizer", {"class_name": "L2"}, None),
        ("new_option", None, None),
    ],
)
def test_options_that_weights_do_not_say_are_noted(tmp_path, option, value, note):
    def change(config):
        config["config"]["layers"][3]["config"][option] = value

    found = set(load_keras(branches(), rewritten(tmp_path, change)).notes)
    found.remove("last returns its last step alone")
    assert not found if note is None else all(one.startswith("last ") and note in one for one in found)
    assert len(found) == (note is not None)


def backwards(**changed):
    def change(config):
        options = config["config"]["layers"][1]["config"]
        first = options["layer"]
        backward = {**first["config"], "go_backwards": True, **changed}
        options["backward_layer"] = {**first, "config": backward}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (backwards(activation="relu"), "activation='relu'; expected 'tanh'"),
        (backwards(go_backwards=False), "go_backwards=False; expected True in the backward layer"),
        (lambda config: config["config"]["layers"].pop(), "weights of 'dense', which its description"),
        (
            lambda config: config["config"]["layers"][4].update(registered_name="mine>Dense"),
            "expected a class of Keras",
        ),
        (lambda config: config["config"]["layers"][4].update(module="mine"), "expected a class of Keras"),
        (
            lambda config: config["config"]["layers"].insert(4, config["config"]["layers"][4]),
            "'classes' of the kind 'Dense' has no weights",
        ),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(tmp_path, change, message):
    with pytest.raises(ost.FormatError, match=message):
        load_keras(branches(), rewritten(tmp_path, change))


def test_a_backward_layer_may_differ_only_in_what_changes_no_output(tmp_path):
    load_keras(branches(), rewritten(tmp_path, backwards(seed=3)))

    def change(config):
        options = config["config"]["layers"][2]["config"]
        inner = options["layer"]
        options["backward_layer"] = {
            **inner,
            "config": {**inner["config"], "go_backwards": True, "activation": "relu"},
        }

    with pytest.raises(ost.FormatError, match=r"activation='relu'.* backwards; expected the same"):
        load_keras(branches(), rewritten(tmp_path, change))


def test_a_time_distributed_of_another_layer_than_dense_is_refused(tmp_path):
    def change(config):
        one = config["config"]["layers"][4]
        inner = {"module": "keras.layers", "class_name": "LSTM", "config": one["config"]}
        one.update(class_name="TimeDistributed", config={"name": "classes", "layer": inner})

    path = rewritten(tmp_path, change)
    with h5py.File(tmp_path / "w", "w") as root, h5py.File(FOLDER / "branches.weights.h5") as old:
        for group in old["layers"]:
            target = "layers/time_distributed/layer" if group == "dense" else f"layers/{group}"
            old.copy(f"layers/{group}", root, name=target)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", (tmp_path / "w").read_bytes())
    with pytest.raises(ost.FormatError, match="a TimeDistributed of 'LSTM'; expected Dense"):
        load_keras(branches(), path)


def test_equal_branches_of_one_input_are_refused():
    x = ost.Input("x", size=2)
    net = ost.Graph(ost.Dense(2, 2)(x) + ost.Dense(2, 2, "relu")(x))
    with pytest.raises(ost.ConfigError, match="expected the same layers"):
        load_keras(net, FOLDER / "equal_branches.keras")
    net = ost.Graph(ost.Dense(2, 2)(x) + ost.Dense(2, 2)(x))
    before = net.arena.copy()
    with pytest.raises(ost.ConfigError, match=r"right and left both fit Dense\(2 -> 2\)"):
        load_keras(net, FOLDER / "equal_branches.keras")
    assert np.array_equal(net.arena, before)
    chain = ost.Sequential(ost.Dense(2, 2), ost.Dense(2, 2))
    with pytest.raises(ost.ConfigError, match="the same order and the same inputs") as caught:
        load_keras(chain, FOLDER / "equal_branches.keras")
    assert "by class" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:load_keras.*Add")  # the network adds too
def test_names_in_order_say_which_of_equal_branches_is_which():
    x = ost.Input("x", size=2)
    net = ost.Graph(ost.Dense(2, 2)(x) + ost.Dense(2, 2)(x))
    first, second = (name for name in net.parameters() if name.endswith("weight"))
    found = {}
    for order in (["left", "right"], ["right", "left"]):
        assert load_keras(net, FOLDER / "equal_branches.keras", layers=order).used[first] == order[0]
        found[order[0]] = net.parameters()[first].copy(), net.parameters()[second].copy()
    assert not np.array_equal(*found["left"])
    assert all(map(np.array_equal, found["left"], reversed(found["right"])))
    before = net.arena.copy()
    for layers, message in (
        (["left"], "expected each layer with weights of the file once: \\['right', 'left'\\]"),
        (["left", "left"], "expected each layer"),
        (["left", "middle"], "expected each layer"),
    ):
        with pytest.raises(ost.ConfigError, match=message):
            load_keras(net, FOLDER / "equal_branches.keras", layers=layers)
    for layers in ("left", 3, [1, 2]):
        with pytest.raises(ost.DTypeError, match="expected a list of names"):
            load_keras(net, FOLDER / "equal_branches.keras", layers=layers)
    with pytest.raises(ost.ConfigError, match=r"layers\[1\] is 'left', which reads \[\]; in this order"):
        chain = ost.Sequential(ost.Dense(2, 2), ost.Dense(2, 2))
        load_keras(chain, FOLDER / "equal_branches.keras", layers=["right", "left"])
    assert np.array_equal(net.arena, before)
    with pytest.raises(ost.ConfigError, match=r"layers\[0\] is 'classes', a Dense"):
        names = ["classes", "first", "second", "last"]
        load_keras(branches(), FOLDER / "branches.keras", layers=names)


@pytest.mark.filterwarnings("ignore:load_keras.*Add")  # the network adds too
@pytest.mark.parametrize("long_first", [False, True])
def test_equal_layers_are_distinguished_by_what_they_read(results, long_first):
    x = ost.Input("x", size=2)
    paths = [
        lambda: ost.Dense(3, 2)(ost.Dense(2, 3)(x)),
        lambda: ost.Dense(3, 2)(ost.Dense(4, 3)(ost.Dense(2, 4)(x))),
    ]
    one, two = (make() for make in (reversed(paths) if long_first else paths))
    net = ost.Graph(one + two)
    load_keras(net, FOLDER / "two_paths.keras")
    assert np.abs(net(results["x"]) - results["two_paths"]).max() < FLOAT32


def test_a_layer_that_is_called_twice_fits_itself():
    found = places(twice())
    assert [one.before for one in found] == [{1}, {0}]


def twice() -> ost.Graph:
    shared, after = ost.Dense(2, 2), ost.Dense(2, 2, "tanh")
    return ost.Graph(shared(after(shared(ost.Input("x", size=2)))))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_that_are_the_same_compute_the_same(name, results):
    net = ost.Dense(3, 3, name)
    net.load_state_dict({"weight": np.eye(3, dtype="f4"), "bias": np.zeros(3, "f4")})
    x = results["activation x"]
    assert np.abs(net(x) - results[f"activation {COMPARED[name]}"]).max() < FLOAT32


@pytest.mark.parametrize(
    ("given", "ours", "same"),
    [
        ("leaky_relu", "leaky_relu", False),
        ({"class_name": "LeakyReLU", "config": {"negative_slope": 0.01}}, "leaky_relu", True),
        ({"class_name": "LeakyReLU", "config": {"negative_slope": 0.3}}, "leaky_relu", False),
        ({"class_name": "ELU", "config": {"alpha": 0.5}}, "elu", False),
        ({"class_name": "function", "config": "gelu"}, "gelu", False),
        ("hard_sigmoid", "sigmoid", False),
        ("gelu", "gelu", True),
        (None, "identity", True),
    ],
)
def test_activations_that_differ_are_refused_with_both(tmp_path, given, ours, same):
    def change(config):
        made = {"module": "keras.layers", **given} if isinstance(given, dict) else given
        config["config"]["layers"][4]["config"]["activation"] = made

    net = branches(ours)
    path = rewritten(tmp_path, change)
    if same:
        load_keras(net, path)
        return
    with pytest.raises(ost.ConfigError, match="expected the same layers") as caught:
        load_keras(net, path)
    if given == "leaky_relu":
        assert "'leaky_relu(0.2)'" in str(caught.value) and "'leaky_relu(0.01)'" in str(caught.value)


def test_a_model_of_its_own_class_is_refused(tmp_path):
    path = rewritten(tmp_path, lambda config: config.update(class_name="MyModel"))
    with pytest.raises(ost.FormatError, match="a 'MyModel'; expected a Sequential or a Functional"):
        load_keras(branches(), path)


def test_dropout_in_the_network_changes_nothing():
    net = ost.Sequential(
        ost.Bidirectional(ost.GRU(2, 3, reset="before", regularizers=[ost.RecurrentDropout(0.2)])),
        ost.RNN(6, 2, bidirectional=True),
        ost.GRU(4, 4),
        ost.Dense(4, 3),
    )
    load_keras(net, FOLDER / "branches.keras")


def test_without_h5py_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ost.ConfigError, match=r"pip install 'ostinato\[keras\]'"):
        load_keras(branches(), FOLDER / "branches.keras")


def test_load_of_a_keras_file_names_load_keras():
    for ending in ("keras", "weights.h5"):
        with pytest.raises(ost.FormatError, match=r"load_keras\(net, path\)"):
            ost.load(FOLDER / f"branches.{ending}")
