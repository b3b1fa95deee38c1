"""Trees of plain values and arrays come back from a file as they were, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from ostinato.io.tree import load_tree, save_tree
from ostinato.network.tree import CARRIERS


def round_trip(tree, tmp_path):
    save_tree(tmp_path / "tree", "test", tree)
    return load_tree(tmp_path / "tree", "test")


@pytest.mark.parametrize("dtype", CARRIERS)
def test_arrays_of_every_type_come_back_to_the_bit(dtype, tmp_path):
    info = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else None
    values = [info.min, 0, info.max] if info else [0, 1, 1] if dtype == "bool" else [np.nan, -0.0, 1 / 3]
    array = np.array([values, values], dtype=dtype)
    for one in (array, array[:, ::2], np.array(values[1], dtype=dtype), array[:0]):
        again = round_trip({"a": [one]}, tmp_path)["a"][0]
        assert (again.dtype, again.shape, again.tobytes()) == (one.dtype, one.shape, one.tobytes())


def test_plain_values_come_back(tmp_path):
    tree = {
        "none": None,
        "flags": [True, False],
        "numbers": [0, -1, 2**70, 0.1, -0.0, 1e-320, float("inf"), float("-inf")],
        "text": 'ä "quoted" $array\n',
        "empty": [{}, [], ""],
        "a/b": {"c": {"a": np.arange(3)}},
        "a": {"b": {"c": {"a": np.arange(4)}}},
    }
    again = round_trip(tree, tmp_path)
    assert repr(again) == repr(tree)
    assert np.isnan(round_trip({"a": float("nan")}, tmp_path)["a"])
    assert round_trip({"a": (1, np.float32(0.5), np.int8(3))}, tmp_path) == {"a": [1, 0.5, 3]}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": [object()]}, r"a\[0\] is an object"),
        ({"a": {1: 2}}, "a has the key 1"),
        ({"a": {"$array": "x"}}, "a has the key"),
        ({"a": np.array(["text"])}, "a is an array of <U4"),
        ({"a": np.array([1j])}, "a is an array of complex128"),
        ({"a": {"b": {1, 2}}}, "a/b is a set"),
    ],
)
def test_what_a_tree_cannot_hold_is_named_with_its_place(tree, message, tmp_path):
    with pytest.raises(ost.ConfigError, match=message):
        save_tree(tmp_path / "tree", "test", tree)
    assert not (tmp_path / "tree").exists()


def test_a_tree_without_end_is_refused(tmp_path):
    tree: dict = {}
    tree["a"] = tree
    with pytest.raises(ost.ConfigError, match="levels"):
        save_tree(tmp_path / "tree", "test", tree)


HOSTILE = {
    "another kind": ("other", '{"format_version":1,"tree":{}}', []),
    "no object": ("test", "[]", []),
    "a missing key": ("test", '{"tree":{}}', []),
    "another version": ("test", '{"format_version":2,"tree":{}}', []),
    "a list": ("test", '{"format_version":1,"tree":[]}', []),
    "a tensor too many": ("test", '{"format_version":1,"tree":{}}', [("a", np.zeros(1))]),
    "a tensor that is not there": (
        "test",
        '{"format_version":1,"tree":{"a":{"$array":"b","dtype":"int64"}}}',
        [],
    ),
    "a tensor twice": (
        "test",
        '{"format_version":1,"tree":{"a":{"$array":"b","dtype":"float64"},"c":{"$array":"b","dtype":"float64"}}}',
        [("b", np.zeros(1))],
    ),
    "a type that is none": (
        "test",
        '{"format_version":1,"tree":{"a":{"$array":"b","dtype":"O"}}}',
        [("b", np.zeros(1))],
    ),
    "another type": (
        "test",
        '{"format_version":1,"tree":{"a":{"$array":"b","dtype":"bool"}}}',
        [("b", np.zeros(1))],
    ),
    "a float that is none": ("test", '{"format_version":1,"tree":{"a":{"$float":"1.0"}}}', []),
    "a mark with more": ("test", '{"format_version":1,"tree":{"a":{"$float":"nan","b":1}}}', []),
    "a number that is none": ("test", '{"format_version":1,"tree":{"a":NaN}}', []),
    "a key twice": ("test", '{"format_version":1,"tree":{"a":1,"a":2}}', []),
    "no end": ("test", '{"format_version":1,"tree":{"a":' + "[" * 50 + "]" * 50 + "}}", []),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case, tmp_path):
    kind, text, tensors = HOSTILE[case]
    path = tmp_path / "tree"
    ost._core.save_model(str(path), {kind: text}, tensors)
    with pytest.raises(ost.FormatError):
        load_tree(path, "test")


def test_a_path_that_is_none_is_refused():
    with pytest.raises(ost.DTypeError, match="path is 3"):
        load_tree(3, "test")
