"""Saving and loading: same make, same names, same bits; everything else is a FormatError."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from ostinato.io.model import KEY
from tests.networks.makes import MAKES, floats, make

Edit = Callable[[dict[str, Any], dict[str, np.ndarray]], object]


class Damped(ost.Cell):
    """A cell that no registry knows; `weights` is an option that JSON cannot hold."""

    def __init__(self, rate: float = 0.5, weights: tuple[float, ...] = ()) -> None:
        self.rate = rate
        self.weights = weights

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {"W": ost.Param((size.hidden, size.input), init="orthogonal")}

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"m": ost.State((2, size.hidden))}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        new = self.rate * state.m + p.W @ x
        return ost.ops.mean(ost.ops.reshape(new, (2 * len(x),))) + p.W @ x, {"m": new}


@pytest.mark.parametrize("name", MAKES)
def test_a_loaded_network_is_the_saved_one_to_the_bit(name: str, tmp_path: Path) -> None:
    net, rng = make(name), np.random.default_rng(3)
    net.arena[...] = rng.normal(scale=0.3, size=net.arena.shape)
    net.save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    assert type(loaded) is type(net)
    assert repr(loaded) == repr(net)
    assert str(loaded) == str(net)
    assert loaded.state_shapes == net.state_shapes
    assert {k: p.hash for k, p in loaded.programs.items()} == {k: p.hash for k, p in net.programs.items()}
    x, targets = floats(rng, net, 3, 4), rng.standard_normal((3, 4, net.output_size))
    (value, gradients), (again, others) = (
        one.value_and_grad(x, targets, loss="mse", lengths=[4, 0, 2]) for one in (net, loaded)
    )
    assert again == value
    assert list(others.params) == list(gradients.params)
    for key, gradient in gradients.params.items():
        np.testing.assert_array_equal(others.params[key], gradient)


def test_saving_a_loaded_network_writes_the_same_bytes(tmp_path: Path) -> None:
    make("sequential, named").save(tmp_path / "one")
    ost.load(tmp_path / "one").save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_cell_that_is_not_registered_loads_from_its_program(tmp_path: Path) -> None:
    net = ost.Recurrent(Damped(rate=0.25, weights=(1.0,)), 3, 3, 2, dtype="float64")
    net.save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    assert loaded.cell is None
    assert loaded.cell_options["rate"] == 0.25
    x = np.random.default_rng(0).standard_normal((2, 4, 3))
    np.testing.assert_array_equal(loaded.run(x).outputs, net.run(x).outputs)
    assert loaded.run(x).final_state["m"].shape == (2, 2, 2, 3)


class Tower(ost.Sequential):
    """A kind of network that the package does not have."""

    kind = "tests/tower"


def test_a_class_is_read_under_the_kind_that_it_registered_itself(tmp_path: Path) -> None:
    net = Tower(ost.LSTM(3, 4), ost.Dense(4, 2))
    ost.Sequential({"tower": net}).save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    assert type(loaded["tower"]) is Tower
    np.testing.assert_array_equal(loaded.arena, net.arena)


def test_a_subclass_without_a_kind_is_saved_as_its_base(tmp_path: Path) -> None:
    class Mine(ost.LSTM):
        pass

    Mine(3, 4).save(tmp_path / "model")
    assert type(ost.load(tmp_path / "model")) is ost.LSTM


def test_a_kind_names_one_class_and_defining_it_again_replaces_it(tmp_path: Path) -> None:
    with pytest.raises(ost.ConfigError, match=r"kind is 'lstm', which names ostinato\..*\.LSTM"):
        type("Other", (ost.LSTM,), {"kind": "lstm"})
    for _ in range(2):
        again = type("Tower", (ost.Sequential,), {"kind": "tests/again", "__module__": __name__})
    again(ost.Dense(3, 2)).save(tmp_path / "model")
    assert type(ost.load(tmp_path / "model")) is again


def test_an_unknown_kind_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "model"
    ost.LSTM(3, 4).save(path)
    metadata, tensors = _core.load_model(str(path))
    text = metadata[KEY].replace('"kind":"lstm"', '"kind":"lstn"')
    _core.save_model(str(path), {**metadata, KEY: text}, list(tensors.items()))
    with pytest.raises(
        ost.FormatError, match=r"unknown kind 'lstn'; did you mean 'lstm'\?.* import the package"
    ):
        ost.load(path)


def test_a_loaded_network_trains_on(tmp_path: Path) -> None:
    net = ost.Sequential(ost.LSTM(3, 4), ost.Dense(4, 2))
    net.save(tmp_path / "model")
    loaded = ost.load(tmp_path / "model")
    rng = np.random.default_rng(1)
    x, targets = rng.standard_normal((4, 6, 3)), rng.standard_normal((4, 6, 2))
    for one in (net, loaded):
        optimizer = ost.SGD(lr=0.1, momentum=0.9)
        for _ in range(3):
            _, gradients = one.value_and_grad(x, targets, loss="mse")
            optimizer.step(one.arena, gradients.arena)
    np.testing.assert_array_equal(net.arena, loaded.arena)


def test_a_loaded_network_can_be_put_into_another(tmp_path: Path) -> None:
    ost.LSTM(3, 4).save(tmp_path / "model")
    net = ost.Sequential(ost.load(tmp_path / "model"), ost.Dense(4, 2))
    assert net.run(np.zeros((1, 2, 3))).outputs.shape == (1, 2, 2)


def test_who_provided_a_cell_is_in_the_file(tmp_path: Path) -> None:
    ost.GRU(3, 4).save(tmp_path / "model")
    network = json.loads(_core.load_model(str(tmp_path / "model"))[0][KEY])["network"]
    assert network["provider"] == {
        "id": "ostinato:builtin",
        "distribution": "ostinato",
        "version": ost.__version__,
    }


def _at(description: dict[str, Any]) -> dict[str, Any]:
    """The LSTM in the description of the model that the table below damages."""
    return description["network"]["layers"][1][1]


def _deep(description: dict[str, Any], tensors: Any) -> None:
    for _ in range(70):
        description["network"] = {"kind": "sequential", "layers": [["0", description["network"]]]}


def _hollow(description: dict[str, Any], tensors: Any) -> None:
    program = json.loads(description["programs"][0])
    description["programs"][0] = json.dumps({**program, "surprise": 1})


EDITS: dict[str, Edit] = {
    "no network": lambda d, t: d.pop("network"),
    "an unknown key": lambda d, t: d.update(extra=1),
    "an unknown key in a layer": lambda d, t: _at(d).update(extra=1),
    "a newer format": lambda d, t: d.update(format_version=2),
    "a format that is a text": lambda d, t: d.update(format_version="1"),
    "a format that is true": lambda d, t: d.update(format_version=True),
    "dtype of halves": lambda d, t: d.update(dtype="float16"),
    "the other dtype": lambda d, t: d.update(dtype="float64"),
    "network a list": lambda d, t: d.update(network=[]),
    "an unknown kind": lambda d, t: _at(d).update(kind="os.system"),
    "another kind": lambda d, t: _at(d).update(kind="gru"),
    "a kind of another shape": lambda d, t: _at(d).update(kind="dense"),
    "no cell": lambda d, t: _at(d).pop("cell"),
    "cell a number": lambda d, t: _at(d).update(cell=3),
    "hidden_size negative": lambda d, t: _at(d).update(hidden_size=-1),
    "hidden_size of another program": lambda d, t: _at(d).update(hidden_size=5),
    "hidden_size a float": lambda d, t: _at(d).update(hidden_size=4.0),
    "bidirectional a number": lambda d, t: _at(d).update(bidirectional=1),
    "bidirectional without its programs": lambda d, t: _at(d).update(bidirectional=True),
    "no layers": lambda d, t: _at(d).update(layers=[]),
    "residual of nothing": lambda d, t: _at(d).update(residual=True),
    "layers of numbers": lambda d, t: _at(d).update(layers=[1]),
    "another order of axes inside": lambda d, t: d["network"]["layers"].append(
        ["3", {**_at(d), "batch_first": False}]
    ),
    "a layer twice": lambda d, t: d["network"]["layers"].append(d["network"]["layers"][0]),
    "an empty sequential": lambda d, t: d["network"].update(layers=[]),
    "a layer without a name": lambda d, t: d["network"]["layers"].append([{}]),
    "a name with a dot": lambda d, t: d["network"]["layers"][0].__setitem__(0, "a.b"),
    "layers in another order": lambda d, t: d["network"]["layers"].reverse(),
    "a program that is not there": lambda d, t: _at(d)["layers"][0][0].update(program=9),
    "a program of another layer": lambda d, t: _at(d)["layers"][0][0].update(program=2),
    "initializers of others": lambda d, t: _at(d)["layers"][0][0].update(init={"w": "zeros"}),
    "an initializer a number": lambda d, t: _at(d)["layers"][0][0].update(init={"w": 1}),
    "options a list": lambda d, t: _at(d).update(options=[]),
    "a provider without a version": lambda d, t: _at(d).update(provider={"id": "", "distribution": ""}),
    "programs a text": lambda d, t: d.update(programs="x"),
    "a program a number": lambda d, t: d["programs"].__setitem__(0, 1),
    "a program that is no program": lambda d, t: d["programs"].__setitem__(0, "{}"),
    "a program with an unknown key": _hollow,
    "many containers": _deep,
    "a tensor missing": lambda d, t: t.pop("2.bias"),
    "a tensor more": lambda d, t: t.update(more=np.zeros(3, np.float32)),
    "a tensor of another shape": lambda d, t: t.update({"2.bias": np.zeros(4, np.float32)}),
    "a tensor of another dtype": lambda d, t: t.update({"2.bias": np.zeros(5, np.float64)}),
    "no tensors": lambda d, t: t.clear(),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_description_that_save_would_not_write_is_a_format_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    ost.Sequential(ost.Embedding(7, 3), ost.LSTM(3, 4), ost.Dense(4, 5)).save(path)
    metadata, tensors = _core.load_model(str(path))
    description = json.loads(metadata[KEY])
    EDITS[name](description, tensors)
    _core.save_model(str(path), {KEY: json.dumps(description)}, list(tensors.items()))
    with pytest.raises(ost.FormatError, match="model"):
        ost.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "NaN",
        '{"format_version": NaN}',
        '{"format_version": 1, "format_version": 1}',
        '{"format_version": ' + "9" * 5000 + "}",
        "[" * 100_000,
    ],
    ids=lambda text: text[:24],
)
def test_a_description_that_is_not_strict_json_is_a_format_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    _core.save_model(str(path), {KEY: text}, [])
    with pytest.raises(ost.FormatError):
        ost.load(path)


def test_a_file_of_something_else_is_a_format_error(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for content in (b"", b"hello", b"\x80\x04\x95" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(ost.FormatError):
            ost.load(path)
    _core.save_model(str(path), {}, [("weight", np.zeros(3, np.float32))])
    with pytest.raises(ost.FormatError, match="metadata"):
        ost.load(path)


def test_a_path_that_cannot_be_written_raises_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        make("dense").save(tmp_path / "missing" / "model")
    assert not list(tmp_path.iterdir())
