"""The example of the page on decoders, in a short form."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost

SCRIPT = Path(__file__).parents[2] / "examples" / "reverse.py"


@pytest.fixture
def example(monkeypatch):
    spec = importlib.util.spec_from_file_location("reverse", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "reverse", module)
    spec.loader.exec_module(module)
    threads = ost.get_num_threads()
    yield module
    ost.set_num_threads(threads)


@pytest.mark.parametrize("query", ["before", "between", "after"])
def test_a_short_run_of_the_example_learns_to_write_backwards(example, query, capsys):
    command = "--rows 3000 --longest 8 --epochs 8 --hidden 48".split()
    result = example.main([*command, "--query", query])
    assert result.exact > 0.9
    assert result.forced >= result.exact - 0.01
    assert f"query={query!r}" in capsys.readouterr().out


def test_targets_are_the_source_backwards_and_words_are_the_targets_before(example):
    x, targets = example.sequences(np.random.default_rng(0), 5, 6)
    for source, words, target in zip(x["source"], x["words"], targets, strict=True):
        assert target.tolist() == [*source[::-1], example.END]
        assert words.tolist() == [example.BEGIN, *source[::-1]]
