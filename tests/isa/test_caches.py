"""Block sizes follow from the sizes of the caches.

OSTINATO_CACHE sets them once per process, so each choice has its own process.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ostinato import _core

ROOT = Path(__file__).parents[2]

# The weights of the probe's networks are far beyond the second cache, beyond it, and within it.
SIZES = {"tiny": "4K,8K,64K", "small": "4K,64K,256K", "large": "64K,64M,256M"}

PROBE = """
import sys
import numpy as np
import ostinato as ost

rng = np.random.default_rng(0)
found = {}
for name, net in {
    "lstm": ost.LSTM(40, 72, dtype="float64", seed=1),
    "gru both ways": ost.GRU(40, 72, bidirectional=True, dtype="float64", seed=2),
}.items():
    x = rng.normal(size=(70, 60, 40))
    target = rng.normal(size=(70, 60, net.run(x[:1]).outputs.shape[-1]))
    lengths = rng.integers(0, 61, 70)
    budget = ost.CheckpointedBPTT(net.training_memory(70, 60, "mse").bytes * 7 // 10)
    for threads in (1, 3):
        ost.set_num_threads(threads)
        call = dict(loss="mse", lengths=lengths)
        loss, grads = net.value_and_grad(x, target, **call)
        piecewise = net.value_and_grad(x, target, **call, through_time=budget)[1]
        assert np.array_equal(grads.arena, piecewise.arena), "checkpointed BPTT"
        for what, values in (("loss", loss), ("gradient", grads.arena), ("input", grads.inputs)):
            key = f"{name}, {what}"
            assert np.array_equal(found.setdefault(key, values), values), f"{threads} threads: {key}"
        outputs = net.run(x, lengths=lengths).outputs
        assert np.array_equal(found.setdefault(f"{name}, outputs", outputs), outputs), threads
        alone = net.run(x[5:6], lengths=lengths[5:6]).outputs
        assert np.array_equal(alone, outputs[5:6, : alone.shape[1]]), "a row alone"
np.savez(sys.argv[1], **found)
"""


def run(code, *arguments, sizes):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env={**os.environ, "OSTINATO_CACHE": sizes},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("caches")
    for name, sizes in SIZES.items():
        done = run(PROBE, str(folder / name), sizes=sizes)
        assert done.returncode == 0, done.stderr[-2000:]
    return {name: dict(np.load(folder / f"{name}.npz")) for name in SIZES}


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_outputs_have_the_same_bits_and_gradients_differ_by_rounding(results, name):
    for key, expected in results["large"].items():
        got = results[name][key]
        if key.endswith(("outputs", "input")):
            assert np.array_equal(got, expected), key
        else:
            # sums of some thousand numbers in another order, of the size of the largest
            assert np.abs(got - expected).max() <= 1e-13 * np.abs(expected).max(), key


def test_small_caches_have_larger_groups(results):
    """Otherwise these tests would compare a regime with itself."""
    different = [
        name for name in ("tiny", "small")
        if not np.array_equal(results[name]["lstm, gradient"], results["large"]["lstm, gradient"])
    ]  # fmt: skip
    assert different == ["tiny", "small"]


def test_the_sizes_are_those_of_the_variable():
    done = run("from ostinato import _core; print(*_core.cache_sizes())", sizes=" 32k, 1M,32m")
    assert done.stdout.split() == [str(32 << 10), str(1 << 20), str(32 << 20)]


def test_the_machine_has_three_levels():
    first, second, third = _core.cache_sizes()
    assert 4096 <= first <= second <= third


@pytest.mark.parametrize("sizes", ["1M", "1M,32K,32M", "a,b,c", "1,2,3"])
@pytest.mark.parametrize("code", ["ost._core.cache_sizes()", "ost.LSTM(2, 2).run(np.zeros((1, 1, 2), 'f'))"])
def test_other_texts_are_refused_by_what_uses_them(sizes, code):
    done = run(f"import numpy as np, ostinato as ost; {code}", sizes=sizes)
    assert done.returncode != 0
    assert "ConfigError" in done.stderr
    assert "OSTINATO_CACHE" in done.stderr
    assert "32K,1M,32M" in done.stderr
