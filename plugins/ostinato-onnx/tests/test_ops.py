"""Every op of a step is the same in ONNX Runtime: before a Scan, in its body, and of parameters."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="pip install -e 'plugins/ostinato-onnx[test]'")
pytest.importorskip("onnxruntime", reason="pip install -e 'plugins/ostinato-onnx[test]'")
op_cases = pytest.importorskip("tests.language.op_cases", reason="the cases are in ostinato's own tests")

import ostinato_onnx  # noqa: E402
from ostinato_onnx.checking import TOLERANCE, difference  # noqa: E402
from ostinato_onnx.ops import TABLE  # noqa: E402
from ostinato_onnx.running import run_here  # noqa: E402

import ostinato as ost  # noqa: E402
from ostinato import _core, ops  # noqa: E402

W, X = op_cases.W, op_cases.X
HOT = np.array([0.1, -0.4, 2.0, 0.3])
MORE = [
    ("lookup", lambda w, s: ops.lookup(w, ops.argmax(s)), (W, HOT), None),
    ("pick", lambda x, s: ops.pick(x, ops.argmax(s)), (X, HOT), None),
    ("one_hot", lambda s: ops.one_hot(ops.argmax(s), 4), (HOT,), None),
    ("log", lambda x: ops.log(ops.sigmoid(x)), (X,), None),
]
CASES = [case for case in op_cases.CASES if case[0] not in {"lookup", "pick", "one_hot", "argmax"}] + MORE
TABLES = {"matmul", "lookup"}  # their first operand is a parameter


class OfCase(ost.Cell):
    """The result of a case as the next state. `form`: where the operands come from."""

    name = "of_case"

    def __init__(self, *, case: int, form: str) -> None:
        self.case, self.form = case, form

    def operands(self):
        """Each operand, and whether it is a part of x."""
        name, _, operands, _ = CASES[self.case]
        return [
            (one, self.form != "parameters" and not (name in TABLES and k == 0))
            for k, one in enumerate(operands)
        ]

    def parameters(self, size):
        return {
            f"p{k}": ost.Param(one.shape, init="zeros")
            for k, (one, row) in enumerate(self.operands())
            if not row
        }

    def state(self, size):
        _, call, operands, _ = CASES[self.case]
        return {"s": ost.State(int(np.size(call(*operands))))}

    def step(self, x, state, p):
        parts, at = [], 0
        for k, (one, row) in enumerate(self.operands()):
            if row:
                part = ops.reshape(x[at : at + one.size], one.shape)
                parts.append(part + 0.0 * ops.sum(state.s) if self.form == "loop" else part)
                at += one.size
            else:
                parts.append(p[f"p{k}"])
        y = ops.reshape(CASES[self.case][1](*parts), state.s.shape) + 0.0 * state.s + 0.0 * ops.sum(x)
        return y, {"s": y}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{case[0]}-{k}" for k, case in enumerate(CASES)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_op(number, dtype, tmp_path):
    _, _, operands, _ = CASES[number]
    width = max(1, sum(one.size for one in operands))
    x = ost.Input("x", size=width)
    outputs, layers = {}, {}
    for form in ("before", "loop", "parameters"):
        layers[form] = ost.Recurrent(OfCase, width, 3, case=number, form=form, dtype=dtype)
        outputs[form] = layers[form](x)
    net = ost.Graph(outputs=outputs)
    feed = np.zeros((2, 2, width), dtype)
    for layer in layers.values():
        own, at = layer.parameters(), 0
        for k, (one, row) in enumerate(layer.cell.operands()):
            if row:
                feed[..., at : at + one.size] = one.ravel()
                at += one.size
            else:
                own[f"p{k}_l0"][...] = one
    path = tmp_path / "model.onnx"
    ostinato_onnx.export(net, path, lengths=False)
    ((found,),) = run_here([str(path)], [[{"x": feed}]])
    expected = net.run(feed).outputs
    for form in outputs:
        assert difference(found[form], expected[form]) <= TOLERANCE[dtype], form
        assert np.isfinite(expected[form]).all()


def test_the_table_has_every_op_that_a_step_may_use():
    sources = {"input", "state", "param", "memory", "noise"}
    internal = {"call", "call_back"}
    assert set(_core.op_names()) - set(TABLE) - sources - internal == set()
