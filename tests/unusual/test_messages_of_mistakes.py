"""Mistakes that users make: the error is typed, is blamed on the right place, and says what can be done."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops

X = np.ones((4, 3, 2), "f4")


def trainer(net: Any = None, **options: Any) -> ost.Trainer:
    return ost.Trainer(net or ost.RNN(2, 2), **{"loss": "mse", **options})


# Constants in losses, metrics and regularizers, which have no Param.


class Quantiles(ost.Loss):
    name = "quantiles_of_mistakes"

    def step(self, y: Any, target: Any) -> Any:
        return ops.mean(np.array([0.1, 0.9]) * (target - y))


class Weighted(ost.Metric):
    name = "weighted_of_mistakes"

    def step(self, y: Any, target: Any) -> Any:
        return ops.dot(np.array([0.1, 0.9]), target - y)


class Scaled(ost.Regularizer):
    name = "scaled_of_mistakes"

    def output(self, y: Any, noise: Any) -> Any:
        return y * np.array([0.5, 2.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda: trainer(loss=Quantiles()).fit(X, X, epochs=1),
        lambda: trainer(metrics=[Weighted()]).evaluate(X, X),
        lambda: ost.RNN(2, 2, regularizers=[Scaled()]),
    ],
)
def test_an_array_in_a_loss_a_metric_or_a_regularizer_is_a_constant(call: Any):
    call()


def test_numbers_one_by_one_are_the_same_as_an_array():
    class Followed(ost.Loss):
        name = "followed_of_mistakes"

        def step(self, y: Any, target: Any) -> Any:
            d = target - y
            return ops.mean(ops.concat([0.1 * d[0:1], 0.9 * d[1:2]]))

    y = np.zeros((1, 1, 2))
    loss = ost.Dense(1, 2, bias=False)
    loss.parameters()["weight"][...] = 0.0
    assert loss.loss_value(np.ones((1, 1, 1)), y + np.array([2.0, 4.0]), loss=Followed())[0] == pytest.approx(
        1.9
    )


# Mistakes in the settings of a callback of the package.


@pytest.mark.parametrize(
    "callback",
    [
        ost.EarlyStopping("val_acc"),
        ost.EarlyStopping("grad_norm"),
        ost.Checkpoints("/tmp/never-written", best="val_nothing"),
    ],
)
def test_a_wrong_setting_of_a_callback_is_no_failure_of_a_plugin(callback: Any):
    with pytest.raises(ost.ConfigError) as caught:
        trainer(metrics=["mae"], callbacks=[callback]).fit(X, X, epochs=1, validation=(X, X))
    assert not isinstance(caught.value, ost.PluginError) and "plugin" not in str(caught.value)


def test_a_callback_of_a_user_that_fails_is_blamed():
    class Mine:
        @ost.hookimpl
        def ostinato_run_start(self, run: Any) -> None:
            raise ost.ConfigError("mine")

    with pytest.raises(ost.PluginError, match="Mine"):
        trainer(callbacks=[Mine()]).fit(X, X, epochs=1)


# One target for each row.


@pytest.mark.parametrize(
    ("x", "targets"),
    [
        (X, np.zeros(4, int)),
        (X, [0, 1, 0, 1]),
        (list(X), [0, 1, 0, 1]),
        (list(X), np.zeros(4, int)),
        (X, (0, 1, 1, 1)),
        ([X[0], X[1, :2], X[2], X[3]], np.zeros(4, int)),
    ],
)
def test_targets_of_rows_for_a_sequence_name_the_layer(x: Any, targets: Any):
    made = trainer(ost.GRU(2, 3), loss="cross_entropy")
    with pytest.raises(ost.ShapeError, match=r"ost\.Last\(\)"):
        made.fit(x, targets, epochs=1)
    last = trainer(ost.Sequential(ost.GRU(2, 3), ost.Last()), loss="cross_entropy")
    last.fit(x, np.asarray(targets), epochs=1)


# Files of other programs.


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


FILES = {
    "keras zip": (b"PK\x03\x04....config.jsonmetadata.json", "a file of Keras"),
    "torch zip": (b"PK\x03\x04....archive/data.pkl", "a file of PyTorch"),
    "numpy zip": (b"PK\x03\x04....a.npy", "an archive of NumPy"),
    "another zip": (b"PK\x03\x04....readme.txt", "a zip archive"),
    "hdf5": (b"\x89HDF\r\n\x1a\n....", "an HDF5 file, as Keras writes"),
    "old torch": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02", "a file of PyTorch"),
    "pickle": (pickle.dumps({"a": 1}), "a pickle of Python"),
    "array": (b"\x93NUMPY\x01\x00v\x00", "an array of NumPy"),
    "json": (json.dumps({"weights": [1, 2, 3]}).encode(), "a JSON text"),
    "page": (b"<!DOCTYPE html><html></html>", "was the download complete"),
    "gguf": (b"GGUF\x03\x00\x00\x00....", "llama.cpp"),
    "nothing": (b"", "the file is empty"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_another_program_is_known_by_its_first_bytes(kind: str, tmp_path: Path):
    content, words = FILES[kind]
    with pytest.raises(ost.FormatError, match=words) as caught:
        ost.load(write(tmp_path / "model", content))
    assert "header" not in str(caught.value)


def test_files_that_pytorch_and_numpy_write(tmp_path: Path):
    np.savez(tmp_path / "a.npz", a=X)
    np.save(tmp_path / "a.npy", X)
    with pytest.raises(ost.FormatError, match=r"an archive of NumPy; read it with numpy\.load"):
        ost.load(tmp_path / "a.npz")
    with pytest.raises(ost.FormatError, match="an array of NumPy"):
        ost.load(tmp_path / "a.npy")
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; make parity installs it")
    for name, legacy in (("new", True), ("old", False)):
        torch.save({"a": torch.ones(2)}, tmp_path / name, _use_new_zipfile_serialization=legacy)
        with pytest.raises(ost.FormatError, match=r"a file of PyTorch.*net.load_state_dict\(torch.load"):
            ost.load(tmp_path / name)


def test_a_damaged_model_still_says_that_it_is_damaged(tmp_path: Path):
    ost.RNN(2, 2).save(tmp_path / "m")
    cut = (tmp_path / "m").read_bytes()[:-7]
    with pytest.raises(ost.FormatError, match=r"damaged|cut short|size"):
        ost.load(write(tmp_path / "m", cut))


# Copies of what belongs to a running engine.


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (trainer, r"a Trainer is neither pickled nor copied; write trainer\.save\(path\)"),
        (lambda: ost.RNN(2, 2).stream(), r"a Stream .*stream\.state"),
        (lambda: ost.RNN(2, 2).run(X), r"a Run .*run\.outputs"),
    ],
)
def test_what_cannot_be_copied_says_what_to_keep(duplicate: Any, make: Any, words: str):
    with pytest.raises(ost.DTypeError, match=words):
        duplicate(make())


def test_what_the_messages_about_copies_advise_works(tmp_path: Path):
    made = trainer()
    made.fit(X, X, epochs=1)
    made.save(tmp_path / "c")
    other = trainer()
    other.load(tmp_path / "c")
    assert np.array_equal(other.net.arena, made.net.arena)
    net = pickle.loads(pickle.dumps(made.net))
    stream = net.stream()
    stream.step(X[:1, 0])
    twin = net.stream()
    twin.state = pickle.loads(pickle.dumps(stream.state))
    assert np.array_equal(twin.step(X[:1, 1]), stream.step(X[:1, 1]))


# Names, articles, and what other libraries do to a traced value.


def test_types_have_the_right_article():
    from ostinato.errors import a_type

    attention = ost.Attention("dot", 2, 2)
    assert a_type(attention) == "an Attention" and a_type(X) == "a ndarray" and a_type(1) == "an int"
    with pytest.raises(ost.OstinatoError) as caught:
        ost.Sequential(ost.RNN(2, 2), attention)
    assert "a Attention" not in str(caught.value)


def cell(step: Any) -> Any:
    class Mine(ost.Cell):
        name = "mine_of_mistakes"

        def parameters(self, size: Any) -> Any:
            return {"W": ost.Param((size.hidden, size.input))}

        def state(self, size: Any) -> Any:
            return {"h": ost.State(size.hidden)}

        def step(self, x: Any, state: Any, p: Any) -> Any:
            h = step(p.W @ x)
            return h, {"h": h}

    return ost.Recurrent(Mine, 2, 2)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda h: divmod(h, 2), "write a // b and a % b"),
        (
            lambda h: ops.sum(h, dim=0),
            r"ops\.sum: .*'dim'; its arguments are x, keepdims, axis: ",
        ),
        (lambda h: ops.sum(h, axis=1), r"sum: axis is 1; x is .*, with axes -1 to 0"),
        (lambda h: ops.sum(h, axis="0"), r"axis is '0'"),
        (lambda h: ops.clip(h, 2.0, 1.0), r"clip: low is 2.0, above high, 1.0"),
        (lambda h: ops.softmax(h, dim=-1), r"ops\.softmax: .*'dim'"),
        (lambda h: ops.clip(h, "a", 1.0), r"low is 'a'"),
    ],
)
def test_what_a_step_cannot_do_is_named(step: Any, words: str):
    with pytest.raises(ost.OstinatoError, match=words):
        cell(step)


def test_functions_of_pytorch_on_a_traced_value_name_the_op():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; make parity installs it")
    for function, op in ((torch.sigmoid, "sigmoid"), (torch.tanh, "tanh"), (torch.softmax, "softmax")):
        with pytest.raises(ost.TraceError, match=rf"torch\.{op} of a traced value; use ops\.{op}"):
            cell(lambda h, function=function, op=op: function(h, 0) if op == "softmax" else function(h))


def test_an_initializer_that_does_not_fit_names_the_parameter():
    class Vector(ost.Cell):
        name = "vector_of_mistakes"

        def parameters(self, size: Any) -> Any:
            return {"b": ost.Param((size.hidden,))}

        def state(self, size: Any) -> Any:
            return {"h": ost.State(size.hidden)}

        def step(self, x: Any, state: Any, p: Any) -> Any:
            return state.h + p.b, {"h": state.h + p.b}

    with pytest.raises(ost.ConfigError, match=r"of b_l0: .*for a vector use init='zeros'"):
        ost.Recurrent(Vector, 2, 2)
    with pytest.raises(ost.ConfigError, match=r"of weight_ih_l0 returned 'x'; expected an array \(2, 2\)"):
        ost.RNN(2, 2, init=lambda shape, rng: "x")


def test_weights_that_the_dtype_cannot_hold_are_named():
    net = ost.Dense(1, 1)
    with pytest.raises(ost.ConfigError, match="weight holds numbers that float32 cannot hold"):
        net.load_state_dict({"weight": np.array([[1e300]]), "bias": np.zeros(1)})
    assert np.isfinite(net.arena).all()
    net.load_state_dict({"weight": np.array([[np.inf]]), "bias": np.zeros(1)})
    ost.Dense(1, 1, dtype="float64").load_state_dict({"weight": np.array([[1e300]]), "bias": np.zeros(1)})


def test_batches_that_carry_on_with_other_rows_say_so():
    batches = [ost.Batch(X, X), ost.Batch(X[:3], X[:3], carries=True)]
    with pytest.raises(ost.ShapeError, match="batch 1 has carries=True and 3 rows, the batch before had 4"):
        trainer().fit(batches, epochs=1)
