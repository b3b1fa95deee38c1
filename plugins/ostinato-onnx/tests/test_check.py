"""`check` finds seeded faults, and the command writes and checks a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="pip install -e 'plugins/ostinato-onnx[test]'")
pytest.importorskip("onnxruntime", reason="pip install -e 'plugins/ostinato-onnx[test]'")

import ostinato_onnx  # noqa: E402
from ostinato_onnx.checking import DifferenceError, difference, verify  # noqa: E402
from ostinato_onnx.command import export_command  # noqa: E402
from ostinato_onnx.running import run_here  # noqa: E402

import ostinato as ost  # noqa: E402


def walk(graph):
    """The nodes of a graph and of its bodies."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from walk(attribute.g)


def swap_gates(model):
    """The order of gates in the native node: i o f c becomes o i f c."""
    names = {
        node.input[1] for node in walk(model.graph) if node.op_type == "Gather" and "weight" in node.input[0]
    }
    (order,) = [one for one in model.graph.initializer if one.name in names]
    rows = onnx.numpy_helper.to_array(order).reshape(4, -1)[[1, 0, 2, 3]].ravel()
    order.CopyFrom(onnx.numpy_helper.from_array(rows, order.name))


def swap_slices(model):
    """Two gates in the body of a Scan: the places at which they begin."""
    slices = [node for node in walk(model.graph) if node.op_type == "Slice"]
    slices[0].input[1], slices[1].input[1] = slices[1].input[1], slices[0].input[1]
    slices[0].input[2], slices[1].input[2] = slices[1].input[2], slices[0].input[2]


def drop_mask(model):
    """The state is no longer held at steps that are not valid."""
    for node in walk(model.graph):
        if node.op_type == "Where":
            node.op_type = "Identity"
            del node.input[2], node.input[0]


def drop_lengths(model):
    """The native node has no lengths."""
    for node in walk(model.graph):
        if node.op_type in ("LSTM", "GRU"):
            node.input[4] = ""


def other_reset(model):
    """The reset gate of a GRU stands on the other side of the product."""
    for node in walk(model.graph):
        for attribute in node.attribute:
            if attribute.name == "linear_before_reset":
                attribute.i = 1 - attribute.i


def forwards(model):
    """The backward direction runs forwards."""
    for node in walk(model.graph):
        for attribute in node.attribute:
            if attribute.name == "direction":
                attribute.s = b"forward"


def other_eps(model):
    """A layer norm adds another number to the variance."""
    (eps,) = [one for one in model.graph.initializer if onnx.numpy_helper.to_array(one).ravel()[:1] == 1e-5]
    eps.CopyFrom(onnx.numpy_helper.from_array(np.float32(1.2e-5), eps.name))


def through(dtype="float32", **options):
    return lambda: ost.Sequential(
        ost.GRU(3, 4, dtype=dtype, **options), ost.Last(), ost.Dense(4, 2, dtype=dtype)
    )


FAULTS = {
    "two gates of an LSTM": (lambda: ost.LSTM(3, 4), "auto", swap_gates),
    "two gates in a Scan": (lambda: ost.LSTM(3, 4), "scan", swap_slices),
    "no mask": (lambda: ost.GRU(3, 4, bidirectional=True), "scan", drop_mask),
    "no lengths": (lambda: ost.LSTM(3, 4, bidirectional=True), "auto", drop_lengths),
    "linear_before_reset 0": (through(), "auto", other_reset),
    "linear_before_reset 1": (through(reset="before"), "auto", other_reset),
    "no backward direction": (lambda: ost.RNN(3, 4, bidirectional=True), "auto", forwards),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name, tmp_path):
    make, cells, spoil = FAULTS[name]
    net, path = make(), tmp_path / "model.onnx"
    ostinato_onnx.export(net, path, cells=cells)
    verify(net, path, run_here)
    model = onnx.load(path)
    before = model.SerializeToString()
    spoil(model)
    assert model.SerializeToString() != before
    onnx.save(model, path)
    with pytest.raises(DifferenceError, match=r"differs by \d"):
        verify(net, path, run_here)


def test_a_layer_that_amplifies_roundings_passes_and_its_faults_are_found(tmp_path):
    pytest.importorskip("ostinato_cells", reason="pip install -e plugins/ostinato-cells")
    net, path = ost.Recurrent("layer_norm_lstm", 6, 6, seed=0), tmp_path / "model.onnx"
    ostinato_onnx.export(net, path, states=True)
    found = verify(net, path, run_here)
    # docs/onnx.md has the figures: float64 results of rounded inputs are as far apart
    assert found.tolerance < found.differences["output"] < 2 * found.moved["output"] < 1e-3
    assert "a rounding moves output by" in str(found)
    for spoil in (swap_slices, other_eps, drop_mask):
        ostinato_onnx.export(net, path, states=True)
        model = onnx.load(path)
        spoil(model)
        onnx.save(model, path)
        with pytest.raises(DifferenceError, match=r"differs by \d"):
            verify(net, path, run_here)


def test_a_fault_that_the_parameters_hide_is_found_with_random_ones(tmp_path):
    net, path = ost.LSTM(3, 4), tmp_path / "model.onnx"
    net.arena[...] = 0.1
    ostinato_onnx.export(net, path)
    model = onnx.load(path)
    swap_gates(model)
    onnx.save(model, path)
    with pytest.raises(DifferenceError, match="with random parameters"):
        verify(net, path, run_here)


def test_check_runs_in_a_process_of_its_own_and_survives_its_end(tmp_path):
    net, path = ost.GRU(3, 4), tmp_path / "model.onnx"
    ostinato_onnx.export(net, path)
    checked = ostinato_onnx.check(net, path)
    assert (checked.calls, list(checked.differences)) == (12, ["output"])
    assert "equal in ONNX Runtime in 12 calls" in str(checked)
    model = onnx.load(path)
    model.graph.node[-1].op_type = "NoSuchOp"
    onnx.save(model, path)
    with pytest.raises(DifferenceError, match="ONNX Runtime does not run"):
        ostinato_onnx.check(net, path)


def test_differences_of_what_is_not_finite():
    inf, nan = float("inf"), float("nan")
    assert difference(np.array([inf, nan, -inf]), np.array([inf, nan, -inf])) == 0
    for found, expected in ((inf, 1.0), (nan, 1.0), (1.0, nan), (-inf, inf)):
        assert difference(np.array([found]), np.array([expected])) == inf
    assert difference(np.array([100.0, 1.0]), np.array([100.0, 2.0])) == 0.01


def command(*arguments: str) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    run = export_command(parser)
    run(parser.parse_args(arguments))


def test_the_command_writes_what_the_function_writes(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = ost.Sequential(ost.GRU(3, 4), ost.Dense(4, 2))
    net.save("model.safetensors")
    for flags, options in (
        ([], {}),
        (
            ["--cells", "scan", "--states", "--no-lengths"],
            {"cells": "scan", "states": True, "lengths": False},
        ),
    ):
        command("model.safetensors", "model.onnx", *flags)
        ostinato_onnx.export(net, "other.onnx", **options)
        assert Path("model.onnx").read_bytes() == Path("other.onnx").read_bytes()
    command("model.safetensors", "model.onnx", "--check")
    assert "equal in ONNX Runtime in 12 calls" in capsys.readouterr().out


ESTIMATORS = {
    "SequenceClassifier": lambda: ost.SequenceClassifier(hidden_size=2, max_iter=1).fit(
        [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    ),
    "LanguageModel": lambda: ost.LanguageModel(hidden_size=2, max_iter=1).fit("so la ti do " * 9),
    "StateSpace": lambda: ost.StateSpace(season=1, max_iter=1).fit({"a": np.sin(np.arange(20.0))}),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_command_writes_the_network_of_an_estimator_and_says_what_is_left_out(
    name, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    ESTIMATORS[name]().save("model.safetensors")
    command("model.safetensors", "model.onnx", "--check")
    printed = capsys.readouterr().out
    assert f"the network of a {name} alone: the scaling of inputs" in printed and "equal in ONNX" in printed
    net = ost.load("model.safetensors").network_
    assert np.array_equal(ostinato_onnx.load("model.onnx").arena, net.arena)


def test_a_name_is_looked_up_without_the_package_onnx():
    code = "import ostinato_onnx, sys; ostinato_onnx.ostinato_commands(); assert 'onnx' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_file_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path):
    for place, kind in ((tmp_path / "no" / "where.onnx", FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(kind) as caught:
            ostinato_onnx.export(ost.GRU(3, 4), place)
        assert caught.value.filename == str(place)
    assert not list(tmp_path.iterdir()) and not Path(f"{tmp_path}.part").exists()


def test_the_command_does_not_write_over_its_model(tmp_path):
    place = tmp_path / "model.safetensors"
    ost.Sequential(ost.GRU(3, 4)).save(place)
    before = place.read_bytes()
    with pytest.raises(ost.ConfigError, match="expected another file"):
        command(str(place), str(tmp_path / "." / "model.safetensors"))
    assert place.read_bytes() == before
