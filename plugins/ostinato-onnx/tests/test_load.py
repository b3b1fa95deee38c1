"""ONNX files become networks: our own without loss, and the recurrent nodes of others."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="pip install -e 'plugins/ostinato-onnx[test]'")
runtime = pytest.importorskip("onnxruntime", reason="pip install -e 'plugins/ostinato-onnx[test]'")

import ostinato_onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from ostinato_onnx.checking import randomize  # noqa: E402
from ostinato_onnx.running import run_here  # noqa: E402

import ostinato as ost  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # onnx's own tests use what NumPy deprecates
    from onnx.backend.test.case import node as node_tests
    from onnx.backend.test.case.node import gru, lstm, rnn  # noqa: F401

NODE_TESTS = {
    case.name: case
    for case in node_tests._NodeTestCases
    if case.model.graph.node[0].op_type in ("RNN", "GRU", "LSTM")
}


def test_onnx_has_the_node_tests():
    assert len(NODE_TESTS) >= 12


@pytest.mark.parametrize("name", NODE_TESTS)
def test_a_node_test_of_onnx(name, tmp_path):
    case = NODE_TESTS[name]
    (node,) = case.model.graph.node
    given = dict(zip((one for one in node.input if one), case.data_sets[0][0], strict=True))
    # their weights are inputs; a layer has numbers
    inputs = [one for one in case.model.graph.input if one.name not in "WRBP"]
    arrays = [numpy_helper.from_array(np.asarray(given[one]), one) for one in given if one in "WRBP"]
    graph = helper.make_graph([node], "g", inputs, list(case.model.graph.output), arrays)
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    net = ostinato_onnx.load(tmp_path / "model.onnx")
    batchwise = any(one.name == "layout" and one.i for one in node.attribute)
    x = given["X"] if batchwise else given["X"].swapaxes(0, 1)
    state = {key[-1]: given[key] for key in ("initial_h", "initial_c") if key in given}
    run = net.run(x, lengths=given.get("sequence_lens"), state=state or None)
    final = {key[-1]: array for key, array in run.final_state.items()}
    for output, expected in zip((one for one in node.output if one), case.data_sets[0][1], strict=True):
        if output == "Y":
            directions, hidden = final["h"].shape[0], final["h"].shape[-1]
            found = run.outputs.reshape(*x.shape[:2], directions, hidden)
            found = found if batchwise else found.transpose(1, 2, 0, 3)
        else:
            found = final[output[-1]].swapaxes(0, 1) if batchwise else final[output[-1]]
        assert np.allclose(found, expected, rtol=1e-5, atol=1e-6), output


LAYERS = {
    "LSTM": lambda: ost.LSTM(3, 4),
    "LSTM stack": lambda: ost.Sequential(ost.LSTM(3, 4), ost.LSTM(4, 5)),
    "GRU": lambda: ost.GRU(3, 4),
    "GRU before": lambda: ost.GRU(3, 4, reset="before"),
    "RNN": lambda: ost.RNN(3, 4, nonlinearity="relu"),
    "RNN without bias": lambda: ost.RNN(3, 4, nonlinearity="sigmoid", bias=False),
    "backwards": lambda: ost.Graph(ost.reverse(ost.GRU(3, 4)(ost.reverse(ost.Input("x", size=3))))),
}


def foreign(net, path):
    """A file as another program writes it: nodes with their own weights, and no metadata."""
    ostinato_onnx.export(net, path, lengths=False)
    model = runtime.SessionOptions()
    model.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    model.optimized_model_filepath = str(path) + ".folded"
    runtime.InferenceSession(str(path), model, providers=["CPUExecutionProvider"])
    folded = onnx.load(str(path) + ".folded")
    del folded.metadata_props[:]
    onnx.save(folded, path)
    return folded


@pytest.mark.parametrize("name", LAYERS)
def test_layers_with_random_weights_come_back_from_their_nodes(name, tmp_path):
    net, path = LAYERS[name](), tmp_path / "model.onnx"
    randomize(net)
    foreign(net, path)
    x = np.random.default_rng(0).normal(size=(5, 7, 3)).astype("float32")
    found = ostinato_onnx.load(path)(x)
    ((expected,),) = run_here([str(path)], [[{"x": x}]])
    assert np.allclose(found, expected["output"], atol=2e-5)
    assert np.allclose(found, net(x), atol=2e-5)


NODES = [
    *(("LSTM", direction, {}) for direction in ("forward", "reverse", "bidirectional")),
    *(("GRU", "bidirectional", {"linear_before_reset": k}) for k in (0, 1)),
    ("RNN", "bidirectional", {"activations": ["Relu", "Relu"]}),
]


@pytest.mark.parametrize(("kind", "direction", "more"), NODES)
def test_a_node_with_random_weights_lengths_and_states(kind, direction, more, tmp_path):
    gates, count = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 1 + (direction == "bidirectional")
    rng = np.random.default_rng(0)
    names = ["X", "W", "R", "B", "steps", "h", *(["c", "P"] if kind == "LSTM" else [])]
    shapes = {
        "W": (count, gates * 4, 3),
        "R": (count, gates * 4, 4),
        "B": (count, gates * 8),
        "P": (count, 12),
    }
    arrays = {key: rng.normal(size=shape).astype("float32") for key, shape in shapes.items() if key in names}
    info = helper.make_tensor_value_info
    inputs = [info("X", 1, ["T", "N", 3]), info("steps", 6, ["N"])]
    inputs += [info(key, 1, [count, "N", 4]) for key in "hc" if key in names]
    outputs = ["Y", *(f"{key}.next" for key in "hc" if key in names)]
    node = helper.make_node(kind, names, outputs, hidden_size=4, direction=direction, **more)
    graph = helper.make_graph(
        [node], "g", inputs, [info(key, 1, None) for key in outputs],
        [numpy_helper.from_array(array, key) for key, array in arrays.items()],
    )  # fmt: skip
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    net = ostinato_onnx.load(path)
    x, steps = rng.normal(size=(5, 3, 3)).astype("float32"), np.array([5, 2, 3], "int32")
    states = {key: rng.normal(size=(count, 3, 4)).astype("float32") for key in "hc" if key in names}
    ((expected,),) = run_here([str(path)], [[{"X": x, "steps": steps, **states}]])
    own = {key[-1]: key for key in net.run(x.swapaxes(0, 1)).final_state}
    run = net.run(x.swapaxes(0, 1), lengths=steps, state={own[key]: one for key, one in states.items()})
    y = expected["Y"].transpose(2, 0, 1, 3).reshape(3, 5, count * 4)
    assert np.allclose(run.outputs, y, atol=2e-5)
    for key in states:
        assert np.allclose(run.final_state[own[key]], expected[f"{key}.next"], atol=2e-5)


def test_our_own_file_comes_back_without_loss(tmp_path):
    path = tmp_path / "model.onnx"
    for dtype in ("float32", "float64"):
        net = ost.Sequential(
            ost.Embedding(9, 4, dtype=dtype),
            ost.LSTM(4, 5, bidirectional=True, dtype=dtype, regularizers=[ost.Dropout(0.1)]),
            ost.Last(),
            ost.Dense(10, 3, dtype=dtype),
        )
        net.metadata = {"labels": ["a", "b", "ü"], "mean": np.arange(3.0)}
        net.freeze("0.*")
        ostinato_onnx.export(net, path)
        again = ostinato_onnx.load(path)
        net.save(tmp_path / "a")
        again.save(tmp_path / "b")
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def one_node(kind="LSTM", **attributes):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    rng = np.random.default_rng(0)
    arrays = {"W": rng.normal(size=(1, gates * 4, 3)), "R": rng.normal(size=(1, gates * 4, 4))}
    node = helper.make_node(kind, ["X", "W", "R"], ["Y"], name="layer", **{"hidden_size": 4, **attributes})
    values = [numpy_helper.from_array(array.astype("float32"), key) for key, array in arrays.items()]
    info = helper.make_tensor_value_info
    return helper.make_model(
        helper.make_graph(
            [node], "g", [info("X", 1, ["T", "N", 3])], [info("Y", 1, ["T", 1, "N", 4])], values
        )
    )


def external(model):
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def computed(model):
    model.graph.node.insert(0, helper.make_node("Concat", ["W"], ["all"], axis=1))
    model.graph.node[1].input[1] = "all"


def started(model):
    ones = numpy_helper.from_array(np.ones((1, 2, 4), "float32"), "ones")
    model.graph.initializer.append(ones)
    model.graph.node[0].input.extend(["", "", "ones"])


def followed(model):
    model.graph.node.append(helper.make_node("Softmax", ["Y"], ["Z"], name="soft"))


def wrong_shape(model):
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(np.ones((1, 16, 5), "float32"), "R"))


def no_layer(model):
    del model.graph.node[0]
    followed(model)


REFUSED = {
    "clip": (one_node(clip=3.0), None, "LSTM 'layer' has clip=3.0"),
    "input_forget": (one_node(input_forget=1), None, "has input_forget=1"),
    "activations": (one_node(activations=["Sigmoid", "Relu", "Tanh"]), None, "has the activations .*Relu"),
    "an RNN's": (one_node("RNN", activations=["Softplus"]), None, "has the activations .*Softplus"),
    "alpha": (one_node("GRU", activation_alpha=[0.5]), None, r"has activation_alpha=\[0.5\]"),
    "direction": (one_node(direction="sideways"), None, "has the direction 'sideways'"),
    "attribute": (one_node(output_sequence=1), None, "has the attribute 'output_sequence'"),
    "external data": (one_node(), external, "'W' is in another file"),
    "computed": (one_node(), computed, "W, 'all', is no initializer"),
    "start": (one_node(), started, "starts from the state 'ones'"),
    "another layer": (one_node(), followed, "Softmax 'soft' is no recurrent layer"),
    "shape": (one_node(), wrong_shape, r"W is \(1, 16, 3\); expected \(1, 20, 3\)|R is"),
    "hidden_size": (one_node(hidden_size=5), None, "hidden_size=5"),
    "no layer": (one_node(), no_layer, "no node RNN, GRU or LSTM"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_layer_does_not_compute_is_refused_by_name(name, tmp_path):
    model, change, message = REFUSED[name]
    if change is not None:
        change(model)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ost.FormatError, match=message):
        ostinato_onnx.load(tmp_path / "model.onnx")


def test_what_is_no_file_of_onnx_is_an_error(tmp_path):
    path = tmp_path / "model.onnx"
    for data in (b"", b"nothing", b"\x08\x0a" * 9):
        path.write_bytes(data)
        with pytest.raises(ost.FormatError, match="is no ONNX file"):
            ostinato_onnx.load(path)
    with pytest.raises(ost.DTypeError, match="path is 3"):
        ostinato_onnx.load(3)
    with pytest.raises(FileNotFoundError):
        ostinato_onnx.load(tmp_path / "none")
    ostinato_onnx.export(ost.GRU(3, 4), path)
    with pytest.raises(ost.ConfigError, match="node is 'x'"):
        ostinato_onnx.load(path, node="x")
    model = onnx.load(path)
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.ones((2, 2), "float32"), model.graph.initializer[0].name)
    )
    onnx.save(model, path)
    with pytest.raises(ost.FormatError, match=r"is float32 \(2, 2\); expected"):
        ostinato_onnx.load(path)
    onnx.save(one_node(), path)
    with pytest.raises(ost.FormatError, match="no recurrent node 'other'"):
        ostinato_onnx.load(path, node="other")


def test_what_cannot_be_exported_is_refused_and_leaves_the_file(tmp_path):
    class Plain(ost.Cell):
        """A step in NumPy."""

        def parameters(self, size):
            return {"w": ost.Param((size.hidden, size.input))}

        def state(self, size):
            return {"h": ost.State(size.hidden)}

        def step(self, x, state, p):
            h = np.tanh(np.asarray(p.w) @ np.asarray(x)) + np.asarray(state.h)
            return h, {"h": h}

        def vjp(self, x, state, p, d_output, d_state):
            raise NotImplementedError

    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    with pytest.raises(ost.DTypeError, match="net is a list"):
        ostinato_onnx.export([], path)
    with pytest.raises(ost.ConfigError, match="cells is 'all'"):
        ostinato_onnx.export(ost.GRU(3, 4), path, cells="all")
    for name in ("states", "lengths"):
        with pytest.raises(ost.DTypeError, match=f"{name} is 1"):
            ostinato_onnx.export(ost.GRU(3, 4), path, **{name: 1})
    with pytest.raises(ost.DTypeError, match="path is 3"):
        ostinato_onnx.export(ost.GRU(3, 4), 3)
    with pytest.raises(ost.DTypeError, match="net is a list"):
        ostinato_onnx.check([], path)
    for taken in ("lengths", "0.weight_ih_l0", "output"):
        net = ost.Graph(ost.GRU(3, 4)(ost.Input(taken, size=3)))
        if taken == "output":
            ostinato_onnx.export(net, tmp_path / "other.onnx")
        else:
            with pytest.raises(ost.ConfigError, match=f"'{taken}' would name two things"):
                ostinato_onnx.export(net, path)
    net = ost.Sequential(ost.GRU(3, 3), ost.Recurrent(Plain, 3, 4))
    with pytest.raises(ost.ConfigError, match=r"plain.*is written in plain NumPy"):
        ostinato_onnx.export(net, path)
    assert path.read_bytes() == b"before"
    with pytest.raises(OSError):
        ostinato_onnx.export(ost.GRU(3, 4), tmp_path / "none" / "model.onnx")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no regular file; expected a file or a new name"):
        ostinato_onnx.export(ost.GRU(3, 4), tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()
    for name in (
        "",
        "new/",
        "a\0b",
        "\ud800",
        type("Bytes", (os.PathLike,), {"__fspath__": lambda _: b"a"})(),
    ):
        with pytest.raises(ost.ConfigError, match="export: path is"):
            ostinato_onnx.export(ost.GRU(3, 4), name)
    (tmp_path / "link").symlink_to(path)
    ostinato_onnx.export(ost.GRU(3, 4), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and path.read_bytes() != b"before"
    path.unlink()
    with pytest.raises(ost.ConfigError, match="a link to nothing; expected another name"):
        ostinato_onnx.export(ost.GRU(3, 4), tmp_path / "link")
