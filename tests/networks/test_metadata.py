"""Values of a user's own travel with a network: in copies, model files and checkpoints."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core

VALUES = {
    "labels": ["no", "yes", "日本"],
    "scaling": {"mean": np.array([0.1, -2.5], "f4"), "deviation": np.array(1 / 3)},
    "odd": np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e308]),
    "ids": np.arange(6, dtype="i8").reshape(2, 3),
    "small": np.array([True, False]),
    "bytes": np.arange(3, dtype="u1"),
    "empty": np.zeros((0, 3), "f4"),
    "note": None,
    "threshold": 0.25,
    "nan": float("nan"),
    "count": 2**70,
    "nested": [{"a": [1, [2.5]]}, True],
}


def same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and a.dtype == b.dtype
            and a.shape == b.shape
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or (a != a and b != b))


def network() -> ost.Network:
    net: ost.Network = ost.Sequential(ost.GRU(2, 3), ost.Dense(3, 3))
    net.metadata = VALUES
    return net


def test_a_model_file_holds_metadata(tmp_path):
    network().save(tmp_path / "m")
    loaded = ost.load(tmp_path / "m")
    assert same(loaded.metadata, VALUES)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "m").read_bytes()


def test_a_checkpoint_holds_metadata(tmp_path):
    x = np.ones((2, 3, 2), "f4")
    trainer = ost.Trainer(network(), loss="mse")
    trainer.fit(x, np.ones((2, 3, 3), "f4"), epochs=1)
    trainer.save(tmp_path / "c")
    assert same(ost.load(tmp_path / "c").metadata, VALUES)


def test_copies_have_metadata_and_an_empty_one_writes_nothing(tmp_path):
    net = network()
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert same(other.metadata, VALUES)
    copied = copy.deepcopy(net)
    copied.metadata["labels"].append("more")
    assert len(net.metadata["labels"]) == 3
    plain = ost.Dense(2, 2)
    assert plain.metadata == {}
    plain.metadata["k"] = 1
    plain.save(tmp_path / "with")
    del plain.metadata["k"]
    plain.save(tmp_path / "without")
    assert list(_core.load_model(str(tmp_path / "without"))[0]) == ["ostinato.graph", "ostinato.model"]
    assert ost.load(tmp_path / "with").metadata == {"k": 1}


def test_save_takes_metadata_for_one_file(tmp_path):
    net = ost.Dense(2, 2)
    net.metadata = {"labels": ["a"], "kept": 1}
    net.save(tmp_path / "m", metadata={"labels": ["b"]})
    assert ost.load(tmp_path / "m").metadata == {"labels": ["b"], "kept": 1}
    assert net.metadata == {"labels": ["a"], "kept": 1}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"labels": {"a"}}, "metadata/labels is a set, which a model file does not hold"),
        ({"a": {"b": [0, len]}}, r"metadata/a/b\[1\] is a builtin_function_or_method"),
        ({1: 2}, "metadata has the key 1; expected a text"),
        ({"$array": 2}, "has the key '\\$array'"),
        ({"a": np.array([object()])}, "metadata/a is an array of object"),
        ({"a": "\udcff"}, "metadata cannot be stored in a file"),
        ({"a": 10**5000}, "metadata cannot be stored in a file"),
        ([1], r"metadata is \[1\]; expected a dict"),
    ],
)
def test_values_that_a_file_does_not_hold_are_refused_by_place(values, message, tmp_path):
    net = ost.Dense(2, 2)
    with pytest.raises(ost.ConfigError, match=message):
        net.metadata = values
    with pytest.raises(ost.ConfigError, match=message):
        net.save(tmp_path / "m", metadata=values)
    assert net.metadata == {} and not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "3",
        '{"a": NaN}',
        '{"a": {"$array": 3, "dtype": "float32"}}',
        '{"a": {"$array": {"type": "float32", "shape": [2], "numbers": [1.0]}, "dtype": "float32"}}',
        '{"a": {"$array": {"type": "float32", "shape": [-1], "numbers": [1.0]}, "dtype": "float32"}}',
        '{"a": {"$array": {"type": "object", "shape": [1], "numbers": [1.0]}, "dtype": "float32"}}',
        '{"a": {"$array": {"type": "int64", "shape": [1], "numbers": [1.5]}, "dtype": "int64"}}',
        '{"a": {"$array": {"type": "int64", "shape": [1], "numbers": [1e99]}, "dtype": "int64"}}',
        '{"a": {"$array": {"type": "int64", "shape": [999999999, 0], "numbers": []}, "dtype": "float32"}}',
        '{"a": {"$float": "1"}}',
        '{"a": 1, "a": 2}',
        '{"a": ' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_hostile_metadata_is_a_format_error(text, tmp_path):
    ost.Dense(2, 2).save(tmp_path / "m")
    metadata, tensors = _core.load_model(str(tmp_path / "m"))
    _core.save_model(str(tmp_path / "m"), {**metadata, "ostinato.metadata": text}, list(tensors.items()))
    with pytest.raises(ost.FormatError):
        ost.load(tmp_path / "m")


def test_metadata_is_readable_json_for_other_programs(tmp_path):
    network().save(tmp_path / "m")
    found = json.loads(_core.load_model(str(tmp_path / "m"))[0]["ostinato.metadata"])
    assert found["labels"] == VALUES["labels"] and found["threshold"] == 0.25
