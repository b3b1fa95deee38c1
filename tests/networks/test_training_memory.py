"""What a network says of its memory, against the peak of a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

import ostinato as ost

pytestmark = pytest.mark.serial


def frozen(net, *patterns):
    """The network with parameters that are frozen."""
    net.freeze(*patterns)
    return net


# How far the first call raises the peak, in bytes. A call of a small network comes before it, so that
# libraries are loaded and threads are there; VmHWM and not getrusage, whose peak a process inherits.
SCRIPT = """
import re, sys
from pathlib import Path
import numpy as np
import ostinato as ost

make, rows, steps, loss, threads = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4], int(sys.argv[5])
ost.set_num_threads(threads)
frozen = lambda net, *patterns: net.freeze(*patterns) or net
net = eval(make)
x = np.zeros((rows, steps), "int64") if net.takes_ids else np.ones((rows, steps, net.input_size), net.dtype)
y = np.ones((rows, steps, net.output_size), net.dtype)
y = np.zeros((rows, steps), "int64") if loss == "cross_entropy" else y
small = np.ones((32, 2, 2), "float32")
ost.LSTM(2, 2).value_and_grad(small, small, loss="mse")
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
net.value_and_grad(x, y, loss=loss)
print(peak() - before)
"""

CASES = [
    ("ost.LSTM(64, 64)", 32, 1000, "mse", 1),
    ("ost.LSTM(64, 64)", 32, 1000, "mse", 2),
    ("ost.GRU(16, 128, 2, dtype='float64')", 64, 200, "mse", 1),
    (
        "ost.Sequential(ost.Embedding(80, 32), ost.LSTM(32, 256), ost.Dense(256, 80))",
        24,
        300,
        "cross_entropy",
        2,
    ),
    # scratch of a whole huge page; before it had one, its growth left holes, and the peak was 13 % above
    ("ost.LSTM(64, 256)", 32, 100, "mse", 1),
    # three units of 14, 13 and 13 rows: all work in the memory of the first
    ("ost.RNN(8, 48, bidirectional=True)", 40, 600, "mse", 1),
    ("ost.RNN(8, 48, bidirectional=True)", 40, 600, "mse", 2),
    ("ost.LSTM(32, 64, 2, bidirectional=True)", 40, 300, "mse", 1),
    ("ost.LSTM(64, 64, 2, residual=True)", 40, 300, "mse", 1),
    ("ost.GRU(64, 32, 2, bidirectional=True, residual=True)", 50, 400, "mse", 1),
    ("frozen(ost.LSTM(64, 64, 2), '*_l0')", 32, 1000, "mse", 2),
    # A frozen stack of dense layers on ids has no backward pass.
    (
        "frozen(ost.Sequential(ost.Embedding(9, 64), ost.Dense(64, 256), ost.LSTM(256, 64)), '0.*', '1.*')",
        32,
        1000,
        "mse",
        1,
    ),
    (
        "frozen(ost.Sequential(ost.Embedding(9, 64), ost.Dense(64, 256), ost.Dense(256, 64)))",
        32,
        1000,
        "mse",
        1,
    ),
]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read the peak from")
@pytest.mark.parametrize(("make", "rows", "steps", "loss", "used"), CASES)
def test_the_peak_is_within_a_tenth_of_the_prediction(make, rows, steps, loss, used, threads):
    threads(used)
    predicted = eval(make).training_memory(rows, steps, loss).bytes
    command = [sys.executable, "-c", SCRIPT, make, str(rows), str(steps), loss, str(used)]
    measured = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 0.9 * measured < predicted < 1.1 * measured


def test_memory_grows_with_the_batch_and_the_threads_that_find_work(threads):
    net = ost.LSTM(8, 16)
    threads(1)
    one = net.training_memory(32, 100, "mse")
    threads(3)
    three = net.training_memory(32, 100, "mse")
    assert one.threads == 1 and three.threads == 2  # 32 rows are two parts
    assert three.bytes - one.bytes == one.row_group
    assert net.training_memory(32, 200, "mse").bytes > 1.5 * one.bytes
    assert net.training_memory(0, 0).bytes > 0
    assert "training step: " in str(one)


@pytest.mark.parametrize(
    ("rows", "steps", "words"),
    [
        (-1, 5, "rows is -1"),
        (5, 1.5, "steps is 1.5"),
        (1 << 20, 1 << 20, "expected at most 134217728 together"),
    ],
)
def test_a_batch_that_is_none_is_named(rows, steps, words):
    with pytest.raises(ost.ConfigError, match=words):
        ost.RNN(2, 3).training_memory(rows, steps)


# As SCRIPT, for a decoder of 8 features that attends to a memory of another length.
DECODER = """
import re, sys
from pathlib import Path
import numpy as np
import ostinato as ost

make, rows, steps, entries, size = sys.argv[1], *map(int, sys.argv[2:])
ost.set_num_threads(1)
net = eval(make)(size)
x = {"x": np.ones((rows, steps, 8), "f"), "s": np.ones((rows, entries, size), "f")}
y = np.ones((rows, steps, net.output_size), "f")
small = np.ones((32, 2, 2), "f")
ost.LSTM(2, 2).value_and_grad(small, small, loss="mse")
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
net.value_and_grad(x, y, loss="mse")
print(peak() - before)
"""
MAKE = """lambda size: ost.Graph(
    ost.Decoder("gru", 8, size, size, %s)(
        ost.Input("x", size=8, axis="t"), source=ost.Input("s", size=size, axis="s")
    )
)"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to read the peak from")
@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ("'additive', readout=None", (32, 100, 100, 256)),
        ("'additive', readout=None", (32, 20, 200, 128)),
        ("'additive', query='after'", (32, 200, 20, 128)),
        ("'multiplicative', query='between'", (64, 100, 50, 128)),
    ],
)
def test_the_entries_of_a_memory_are_counted_by_their_own_number(options, sizes, threads):
    threads(1)
    rows, steps, entries, size = sizes
    net = eval(MAKE % options)(size)
    predicted = net.training_memory(rows, {"t": steps, "s": entries}, "mse").bytes
    command = [sys.executable, "-c", DECODER, MAKE % options, *map(str, sizes)]
    measured = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 0.9 * measured < predicted < 1.1 * measured
    assert net.training_memory(rows, steps, "mse") == net.training_memory(
        rows, {"t": steps, "s": steps}, "mse"
    )


@pytest.mark.parametrize(
    ("scorer", "kept"),
    [("additive", {"a matrix product", "weights"}), ("multiplicative", {"weights"}), ("dot", {"weights"})],
)
def test_attention_keeps_one_number_for_each_row_step_and_entry(scorer, kept, threads):
    threads(1)
    net = ost.Decoder("gru", 64, 256, 256, scorer)
    # enough steps that the peak stays at one moment of the pass, whatever is doubled
    rows, steps, entries = 32, 200, 100

    def predicted(steps, entries):
        return net.training_memory(rows, {"time": steps, "source": entries}).row_group

    both = predicted(2 * steps, 2 * entries) - predicted(2 * steps, entries) - predicted(steps, 2 * entries)
    # A step reads more than 1 MiB of weights, so a row group has all 32 rows.
    # Tanh of each query and key would be 256 numbers.
    assert both + predicted(steps, entries) == 4 * rows * steps * entries
    (line,) = [line for line in net.explain(rows, steps).splitlines() if "kept for the backward" in line]
    own = set(line.split(": ")[1].split(", ")) - {"u_n", "r", "z", "n", "context"}
    assert own == kept


def test_steps_by_axis_are_those_of_the_network():
    net = eval(MAKE % "'dot'")(8)
    with pytest.raises(ost.ConfigError, match=r"steps has no axis 's'; expected the steps of each axis"):
        net.training_memory(2, {"t": 5})
    with pytest.raises(ost.ConfigError, match=r"steps has the axis 'u'"):
        net.training_memory(2, {"t": 5, "s": 5, "u": 1})
    with pytest.raises(ost.ConfigError, match=r"steps\['s'\] is -1"):
        net.training_memory(2, {"t": 5, "s": -1})


def test_the_parameters_of_a_loss_are_counted_with_their_gradient_sums():
    class Wide(ost.Loss):
        """A loss with a large parameter."""

        target = "index"

        def parameters(self, size):
            return {"centers": ost.Param((1000, size.output))}

        def step(self, y, target, p):
            return ost.ops.sum(ost.ops.square(p.centers @ y)) + 0.0 * ost.ops.pick(y, target)

    net = ost.Sequential(ost.GRU(4, 64), ost.Criterion(Wide(), 64))
    without, loss = net.training_memory(40, 10), net.training_memory(40, 10, Wide())
    # a copy for each direction at least, and a sum of gradients for each of the row groups
    assert loss.parameters - without.parameters >= 4 * 64_000 * 3
