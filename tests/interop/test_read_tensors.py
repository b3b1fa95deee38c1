"""Safetensors files of other programs: weights by prefix, half precision, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.io import read_tensors
from tests.golden import archive, ours

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "u1", "BOOL": "?", "F8_E4M3": "u1"}


def raw(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def bits(values: Any, dtype: str) -> bytes:
    if dtype == "BF16":
        return (np.asarray(values, "<f4").view("<u4") >> 16).astype("<u2").tobytes()
    return np.asarray(values).astype(TYPES[dtype]).tobytes()


def write(path: Path, tensors: Mapping[str, tuple[str, Any]]) -> Path:
    """A file as PyTorch's users write it: metadata of another program, the names in any order."""
    header: dict[str, Any] = {}
    data = b""
    for name, (dtype, values) in tensors.items():
        part = bits(values, dtype)
        place = [len(data), len(data) + len(part)]
        header[name] = {"dtype": dtype, "shape": list(np.shape(values)), "data_offsets": place}
        data += part
    shuffled = dict(sorted(header.items(), reverse=True))
    path.write_bytes(raw({"__metadata__": {"format": "pt"}, **shuffled}, data))
    return path


# Each kind of network that PyTorch has, with three layers in both directions.
CASES = {
    case.kind: (case, results)
    for case, results in archive.load()
    if case.num_layers == 3 and case.bidirectional
}


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_weights_of_pytorch_under_a_prefix_give_the_outputs_of_pytorch(tmp_path, monkeypatch, kind, dtype):
    case, expected = CASES[kind]
    stored = {f"model.encoder.rnn.{name}": ("F64", value) for name, value in case.params.items()}
    path = write(tmp_path / "m", {"model.head.weight": ("F32", np.ones((2, 3))), **stored})
    found = read_tensors(path, prefix="model.encoder.rnn.")
    assert found.left_over == ("model.head.weight",)
    assert sorted(found.used.values()) == sorted(stored)
    loaded = ours.computed(replace(case, params=found), dtype)
    assert ours.disagreements(loaded, expected, dtype) == []


def test_several_prefixes_fill_a_sequential(tmp_path):
    words, rnn = ost.Embedding(5, 3, seed=1), ost.LSTM(3, 4, bidirectional=True, seed=2)
    head = ost.Dense(8, 2, seed=3)
    stored = {
        f"{place}.{name}": ("F32", value)
        for place, layer in (("tok.emb", words), ("tok.rnn", rnn), ("out.proj", head))
        for name, value in layer.state_dict().items()
    }
    path = write(tmp_path / "m", {**stored, "step": ("I64", 7)})
    prefix = {"tok.emb.": "0.", "tok.rnn.": "1.", "out.proj.": "2."}
    found = read_tensors(path, prefix=prefix)
    net = ost.Sequential(ost.Embedding(5, 3), ost.LSTM(3, 4, bidirectional=True), ost.Dense(8, 2))
    net.load_state_dict(found)
    ids = np.arange(10).reshape(2, 5) % 5
    assert np.array_equal(net(ids), ost.Sequential(words, rnn, head)(ids))
    assert found.left_over == ("step",)
    assert "11 tensors used, 1 left over" in str(found) and "step is left over" in str(found)


def test_the_longest_prefix_counts(tmp_path):
    path = write(tmp_path / "m", {"a.b.c": ("F32", [1.0]), "a.d": ("F32", [2.0])})
    assert sorted(read_tensors(path, prefix={"a.": "x.", "a.b.": "y."})) == ["x.d", "y.c"]
    with pytest.raises(ost.ConfigError, match="would both be 'c'"):
        read_tensors(
            write(tmp_path / "n", {"a.c": ("F32", [1.0]), "b.c": ("F32", [2.0])}), prefix={"a.": "", "b.": ""}
        )


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_half_precision_becomes_float32_without_a_change(tmp_path, dtype):
    # Each is a multiple of a power of two with 8 bits of mantissa, so both types hold it.
    values = np.array([[0.0, -1.5, 0.0078125], [240.0, 3.140625, np.inf]], "f4")
    found = read_tensors(write(tmp_path / "m", {"w": (dtype, values)}))
    assert found["w"].dtype == np.float32 and np.array_equal(found["w"], values)
    assert found.converted == ("w",) and "half precision" in str(found)
    found["w"][...] = 0  # its own memory, writable


def test_other_numbers_keep_their_type(tmp_path):
    stored = {"i": ("I64", [1, -2]), "u": ("U8", [255]), "b": ("BOOL", [True, False]), "none": ("F32", [])}
    found = read_tensors(write(tmp_path / "m", stored))
    assert {name: (one.dtype.name, one.tolist()) for name, one in found.items()} == {
        "i": ("int64", [1, -2]),
        "u": ("uint8", [255]),
        "b": ("bool", [True, False]),
        "none": ("float32", []),
    }


def test_an_8_bit_float_is_refused_only_where_it_is_chosen(tmp_path):
    path = write(tmp_path / "m", {"a.w": ("F32", [1.0]), "b.w": ("F8_E4M3", [1])})
    assert list(read_tensors(path, prefix="a.")) == ["w"]
    with pytest.raises(ost.DTypeError, match=r"'b\.w' has dtype 'F8_E4M3'.*to float32"):
        read_tensors(path, prefix="b.")


def test_what_does_not_fit_the_network_is_named_and_changes_nothing(tmp_path):
    stored = {f"r.{name}": ("F32", value) for name, value in ost.GRU(2, 3).state_dict().items()}
    net = ost.GRU(2, 3, seed=5)
    before = net.arena.copy()
    for changed, error, text in (
        ({"r.weight_hh_l0": ("F32", np.ones((3, 9)))}, ost.ShapeError, r"weight_hh_l0 is \(3, 9\)"),
        ({"r.weight_hh_l0": ("I64", np.ones((9, 3)))}, ost.DTypeError, "weight_hh_l0 has dtype int64"),
        ({"r.weight_hh_l1": ("F32", np.ones((9, 3)))}, ost.ConfigError, "unexpected: weight_hh_l1"),
    ):
        path = write(tmp_path / "m", {**stored, **changed})
        with pytest.raises(error, match=text):
            net.load_state_dict(read_tensors(path, prefix="r."))
    del stored["r.bias_ih_l0"]
    with pytest.raises(ost.ConfigError, match="missing: bias_ih_l0"):
        net.load_state_dict(read_tensors(write(tmp_path / "m", stored), prefix="r."))
    assert np.array_equal(net.arena, before)


def test_a_prefix_without_a_tensor_is_an_error_that_lists_the_prefixes(tmp_path):
    path = write(tmp_path / "m", {"model.rnn.w": ("F32", [1.0]), "scale": ("F32", 1.0)})
    with pytest.raises(ost.ConfigError, match=r"prefix has 'rnn\.', with which no tensor.*'model\.rnn\.'"):
        read_tensors(path, prefix="rnn.")
    for wrong, error in ((3, ost.DTypeError), ({"model.": 3}, ost.ConfigError), ({}, None)):
        if error is None:
            assert len(read_tensors(path, prefix=wrong).left_over) == 2
            continue
        with pytest.raises(error, match="prefix"):
            read_tensors(path, prefix=wrong)
    with pytest.raises(ost.UnknownItemError, match=r"did you mean 'model\.rnn\.w'"):
        read_tensors(path)["model.rnn.v"]


ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DAMAGED = {
    "empty": (b"", "the file is empty"),
    "a pickle": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "a file of PyTorch"),
    "a long header": ((10**9).to_bytes(8, "little") + b"{}", "header of 1000000000"),
    "no JSON": (raw(b"{'a': 1}"), "no JSON"),
    "no UTF-8": (raw(b'{"\xff": 1}'), "no JSON"),
    "a list": (raw([1]), "expected an object"),
    "a name twice": (raw(b'{"a": 1, "a": 2}'), "no JSON"),
    "no tensor": (raw({"a": 3}), "expected dtype, shape and data_offsets"),
    "a field too many": (raw({"a": {**ONE, "x": 1}}, bytes(8)), "expected dtype"),
    "a negative size": (raw({"a": {**ONE, "shape": [-2]}}, bytes(8)), "expected dtype"),
    "a true size": (raw({"a": {**ONE, "shape": [True]}}, bytes(8)), "expected dtype"),
    "another length": (raw({"a": {**ONE, "shape": [3]}}, bytes(8)), "has 8 bytes; expected 12"),
    "a huge shape": (raw({"a": {**ONE, "shape": [2**47] * 4}}, bytes(8)), "has 8 bytes; expected"),
    "cut short": (raw({"a": ONE}, bytes(7)), "7 bytes follow the header; expected 8"),
    "more bytes": (raw({"a": ONE}, bytes(9)), "9 bytes follow"),
    "a gap": (raw({"a": {**ONE, "data_offsets": [4, 12]}}, bytes(12)), "expected them to begin at 0"),
    "an overlap": (raw({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, bytes(12)), "begin at 8"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_a_format_error(tmp_path, case):
    data, message = DAMAGED[case]
    path = tmp_path / "m"
    path.write_bytes(data)
    with pytest.raises(ost.FormatError, match=message) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(ost.FormatError, match="regular file"):
        read_tensors(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none")


def test_our_own_model_files_are_read_too(tmp_path):
    net = ost.Sequential(ost.GRU(3, 4), ost.Dense(4, 2))
    net.save(tmp_path / "m")
    found = read_tensors(tmp_path / "m", prefix="0.")
    assert np.array_equal(found["weight_hh_l0"], net.parameters()["0.weight_hh_l0"])


def test_a_prefix_whose_tensors_all_have_a_longer_prefix_is_refused_as_such(tmp_path):
    path = write(tmp_path / "m", {"a.b.w": ("F32", np.ones(2))})
    with pytest.raises(ost.ConfigError, match=r"every tensor under 'a\.' has a longer prefix"):
        read_tensors(path, prefix={"a.": "0.", "a.b.": "1."})
