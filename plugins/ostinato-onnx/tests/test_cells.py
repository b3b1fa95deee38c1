"""Every built-in cell and every cell of ostinato-cells is the same in ONNX Runtime."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx", reason="pip install -e 'plugins/ostinato-onnx[test]'")
pytest.importorskip("onnxruntime", reason="pip install -e 'plugins/ostinato-onnx[test]'")
ostinato_cells = pytest.importorskip("ostinato_cells", reason="pip install -e plugins/ostinato-cells")

import ostinato_onnx  # noqa: E402
from ostinato_onnx.checking import randomize, verify  # noqa: E402
from ostinato_onnx.running import run_here  # noqa: E402

import ostinato as ost  # noqa: E402
from ostinato import builtin  # noqa: E402
from ostinato.cells.lstm import LSTM  # noqa: E402

BUILT_IN = [spec.factory for spec in builtin.ostinato_cells()]
PLUGIN = [spec.factory for spec in ostinato_cells.ostinato_cells()]
CASES = [
    (cell, dict(options)) for cell in (*BUILT_IN, *PLUGIN) for options in getattr(cell, "examples", ({},))
]
IDS = [f"{cell.__name__}-{'-'.join(map(str, options.values()))}" for cell, options in CASES]


def nodes(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(path).graph.node)


@pytest.mark.parametrize(("cell", "options"), CASES, ids=IDS)
def test_a_cell_in_both_directions_with_lengths_and_states(cell, options, tmp_path):
    path = tmp_path / "model.onnx"
    for dtype in ("float32", "float64"):
        net = ost.Recurrent(cell, 6, 6, bidirectional=True, dtype=dtype, **options)
        randomize(net)
        ostinato_onnx.export(net, path, states=True)
        onnx.checker.check_model(str(path), full_check=True)
        verify(net, path, run_here)


NATIVE = {
    "LSTM": [ost.LSTM, {}], "LSTM without bias": [ost.LSTM, {"bias": False}],
    "GRU": [ost.GRU, {}], "GRU before": [ost.GRU, {"reset": "before"}],
    "RNN": [ost.RNN, {}], "RNN relu": [ost.RNN, {"nonlinearity": "relu"}],
    "RNN sigmoid": [ost.RNN, {"nonlinearity": "sigmoid"}],
}  # fmt: skip


@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize(("cells", "lengths"), [("auto", True), ("scan", True), ("auto", False)])
def test_three_layers_in_both_directions(name, cells, lengths, tmp_path):
    layer, options = NATIVE[name]
    net = layer(3, 4, num_layers=3, bidirectional=True, **options)
    path = tmp_path / "model.onnx"
    ostinato_onnx.export(net, path, cells=cells, lengths=lengths, states=True)
    assert nodes(path)[name.split()[0] if cells == "auto" else "Scan"] == 6
    assert verify(net, path, run_here).calls == 12


def test_a_node_is_chosen_by_its_equations_not_by_the_name_of_the_class(tmp_path):
    class Mine(LSTM):
        """The same equations under another name."""

    class Other(LSTM):
        """An LSTM whose gates are in another order."""

        def step(self, x, state, p):
            a = p.weight_ih @ x + p.weight_hh @ state.h + p.bias_ih + p.bias_hh
            i, g, f, o = ost.ops.split(a, 4)
            c = ost.ops.sigmoid(f) * state.c + ost.ops.sigmoid(i) * ost.ops.tanh(g)
            h = ost.ops.sigmoid(o) * ost.ops.tanh(c)
            return h, {"h": h, "c": c}

    path = tmp_path / "model.onnx"
    for cell, node in ((Mine, "LSTM"), (Other, "Scan")):
        net = ost.Recurrent(cell, 3, 4)
        ostinato_onnx.export(net, path)
        assert nodes(path)[node] == 1
        verify(net, path, run_here)
