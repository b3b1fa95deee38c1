"""Block sizes follow from the sizes of the caches, and no bit of a result depends on them.

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

# Every block has its least size, or the most.
SIZES = {"tiny": "4K,8K,64K", "large": "64K,64M,256M"}

# The loop reads 0.1, 1.2 and 4.6 MiB of weights, so that row groups have 16, 32 and 64 rows.
PROBE = """
import sys
import numpy as np
import ostinato as ost

rng = np.random.default_rng(0)
found = {}
for name, net, steps in (
    ("16 rows", ost.GRU(40, 72, bidirectional=True, dtype="float64", seed=2), 40),
    ("32 rows", ost.LSTM(20, 196, dtype="float64", seed=1), 5),
    ("64 rows", ost.GRU(20, 447, dtype="float64", seed=3), 3),
):
    x = rng.normal(size=(70, steps, net.input_size))
    target = rng.normal(size=(70, steps, net.run(x[:1]).outputs.shape[-1]))
    lengths = rng.integers(0, steps + 1, 70)
    full = net.training_memory(70, steps, "mse").bytes
    for threads in (1, 3):
        ost.set_num_threads(threads)
        call = dict(loss="mse", lengths=lengths)
        loss, grads = net.value_and_grad(x, target, **call)
        if name == "16 rows":  # the others have too few steps to save memory
            budget = ost.CheckpointedBPTT(full * 7 // 10)
            piecewise = net.value_and_grad(x, target, **call, through_time=budget)[1]
            assert np.array_equal(grads.arena, piecewise.arena), "checkpointed BPTT"
        outputs = net.run(x, lengths=lengths).outputs
        parts = {"loss": loss, "gradient": grads.arena, "input": grads.inputs, "outputs": outputs}
        for what, values in parts.items():
            key = f"{name}, {what}"
            assert np.array_equal(found.setdefault(key, values), values), f"{threads} threads: {key}"
        alone = net.run(x[5:6], lengths=lengths[5:6]).outputs
        assert np.array_equal(alone, outputs[5:6, : alone.shape[1]]), "a row alone"
    parts = [slice(0, 16), slice(16, 32), slice(32, 48), slice(48, 70)]
    call["reduction"] = "sum"
    sums = [net.value_and_grad(x[p], target[p], **call | {"lengths": lengths[p]})[1] for p in parts]
    whole = net.value_and_grad(x, target, **call)[1].arena
    total = sum(one.arena for one in sums)
    # sums of some thousand numbers in another order
    assert np.abs(total - whole).max() <= 1e-13 * np.abs(whole).max(), name

# Inference copies arrays block by block where a cache is too small for them: the same bits, zeros as padding.
x = rng.normal(size=(21, 60, 24)).astype("float32")
lengths, mask = rng.integers(0, 61, 21), rng.random((21, 60)) < 0.8
y = ost.Input("x", size=24)
def layer(value, width, **more):
    return ost.Recurrent("gru", width, 8, **more)(value)

nets = {
    "one layer": ost.GRU(24, 16, seed=1),
    "a stack": ost.LSTM(24, 16, num_layers=3, seed=1),
    "both directions": ost.GRU(24, 16, num_layers=2, bidirectional=True, seed=1),
    "two readers": ost.Graph({"a": layer(y, 24), "b": layer(y, 24, bidirectional=True)}, seed=1),
    "moved before": ost.Graph({"a": layer(ost.concat(y, y), 48), "b": layer(y, 24)}, seed=1),
}
for name, net in nets.items():
    for how, more in {
        "whole": {}, "lengths": {"lengths": lengths}, "mask": {"mask": mask},
        "resets": {"resets": rng.random((21, 60)) < 0.1, "lengths": lengths},
    }.items():
        for threads in (1, 3):
            ost.set_num_threads(threads)
            outputs = net.run(x, **more).outputs
            named = outputs if isinstance(outputs, dict) else {"output": outputs}
            for what, values in named.items():
                key = f"{name}, {how}, {what}"
                assert np.array_equal(found.setdefault(key, values), values), f"{threads} threads: {key}"
                valid = more.get("mask", np.arange(60) < more.get("lengths", np.full(21, 60))[:, None])
                assert not values[~valid].any(), f"padding: {key}"
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


def test_no_bit_depends_on_a_cache(results):
    for key, expected in results["large"].items():
        assert np.array_equal(results["tiny"][key], expected), key


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
