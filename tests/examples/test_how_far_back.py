"""The example of the page on how far back a network learns, in a short form."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

import ostinato as ost

SCRIPT = Path(__file__).parents[2] / "examples" / "how_far_back.py"


@pytest.fixture
def example(monkeypatch):
    spec = importlib.util.spec_from_file_location("how_far_back", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "how_far_back", module)
    spec.loader.exec_module(module)
    threads = ost.get_num_threads()
    yield module
    ost.set_num_threads(threads)


def test_a_short_run_of_the_example_separates_full_from_truncated(example, tmp_path, capsys):
    command = "--steps 10 --sequences 16000 --hidden 16 --ways full checkpointed 1".split()
    files = tmp_path / "far.json", tmp_path / "far.png"
    full, checkpointed, cut = example.main([*command, "--json", str(files[0]), "--plot", str(files[1])])
    assert full.curve == checkpointed.curve
    # always to say 1 has an error of 1/6; windows of one step see a mark in one sequence of five
    assert 5 * full.test_error < cut.test_error < 0.05
    assert "FullBPTT()" in capsys.readouterr().out
    assert len(json.loads(files[0].read_text())) == 3 and files[1].stat().st_size > 1000
