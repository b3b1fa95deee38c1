"""What type checkers see of the ops is what they are; a step of a cell is checked by its types."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from ostinato import ops

STUB = Path(ops.__file__).with_suffix(".pyi")


def test_the_types_of_the_ops_have_the_names_and_arguments_of_the_ops():
    typed = {
        node.name: [one.arg for one in (*node.args.args, *filter(None, [node.args.vararg]))]
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    real = {
        name: list(inspect.signature(getattr(ops, name)).parameters)
        for name in ops.__all__
        if inspect.isfunction(getattr(ops, name))
    }
    assert typed == real


STEP = """
from ostinato import Cell, LSTM
from ostinato.dims import Dim
from ostinato.namespace import Names
from ostinato.ops import Value, concat, sigmoid, split, where


class Mine(Cell):
    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        z, a = split(p.W @ x + p.U @ state.h + p.b, 2)
        h = sigmoid(z) * state.h + (1 - sigmoid(z)) * where(a > 0, a, 0.5 * a)
        reveal_type(h)
        x.foo()
        h = 2.0 - h**2 / concat([h[:1], h[1:]])
        return h, {"h": "text"}


LSTM(3, 8, bidektional=True)
LSTM(3, 8, bidirectional=True, proj_size=2)
"""


@pytest.mark.slow
def test_a_step_and_the_options_of_a_layer_are_checked(tmp_path: Path):
    pytest.importorskip("mypy", reason="mypy is not installed; make test installs it")
    file = tmp_path / "mine.py"
    file.write_text(STEP, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", str(file)]
    root = Path(ops.__file__).parents[3]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    lines = [line.split(": ", 1)[1] for line in done.stdout.splitlines() if line.startswith(str(file))]
    said = "\n".join(lines)
    assert 'Revealed type is "ostinato.ops.value.Value"' in said
    assert '"Value" has no attribute "foo"' in said
    assert 'Dict entry 0 has incompatible type "str": "str"' in said
    assert 'Unexpected keyword argument "bidektional"' in said
    assert len([line for line in lines if line.startswith("error")]) == 3, said
