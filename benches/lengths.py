"""Time and memory of a training step against T: recurrent cells, state spaces, self-attention.

`python benches/lengths.py` measures one layer of H features in and out at T = 64 to 4,096, on one thread, in
under three minutes: forward pass, mean squared error, backward pass. It writes `results/lengths.json`, the
picture and the table of `docs/long-sequences.md`. `--draw` writes these two from the results that are there.

Every measurement is a process of its own. Memory is the highest resident set (VmHWM, Linux) during one step,
above the resident set just before: it has what the step allocates, and not the program, the data, or the
parameters. Time is the median of several steps after it. Self-attention is that of PyTorch, causal, in two
forms: with the weights as an array (T, T), and with PyTorch's fused kernel, which does not store them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import textwrap
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
import numpy as np

import ostinato as ost

N, H, HEADS = 8, 128, 2
LENGTHS = tuple(64 * 2**n for n in range(7))
WINDOW = 64
"""Of truncated BPTT."""
BUDGET = "4MB"
"""Of checkpointed BPTT, whatever T is."""
SECONDS = 0.5
"""The time of one measurement, at least two steps."""
RESULT = Path(__file__).parent / "results" / "lengths.json"
DOCS = Path(__file__).parents[1] / "docs"
PICTURE, PAGE = DOCS / "pictures" / "lengths.png", DOCS / "long-sequences.md"
MARKS = ("<!-- table of benches/lengths.py -->", "<!-- end of table -->")

Step = Callable[[], object]
Shaped = np.ndarray[Any, Any]


def recurrent(cell: str, way: ost.ThroughTime | None = None) -> Callable[[Shaped, Shaped], Step]:
    """A training step of Ostinato."""

    def make(x: Shaped, targets: Shaped) -> Step:
        ost.set_num_threads(1)
        net = ost.Recurrent(cell, H, H, seed=0)
        through = ost.FullBPTT() if way is None else way
        return lambda: net.value_and_grad(x, targets, loss="mse", through_time=through, input_gradient=False)

    return make


def attention(fused: bool) -> Callable[[Shaped, Shaped], Step]:
    """A training step of PyTorch's multi-head attention: projections to queries, keys, values; an output."""

    def make(x: Shaped, targets: Shaped) -> Step:
        import torch
        from torch.nn.attention import SDPBackend, sdpa_kernel

        torch.set_num_threads(1)
        torch.manual_seed(0)
        into, out = torch.nn.Linear(H, 3 * H), torch.nn.Linear(H, H)
        given, wanted = torch.from_numpy(x), torch.from_numpy(targets)
        parameters = [*into.parameters(), *out.parameters()]
        kernel = SDPBackend.FLASH_ATTENTION if fused else SDPBackend.MATH

        def step() -> object:
            rows, steps, _ = given.shape
            parts = into(given).view(rows, steps, 3, HEADS, H // HEADS).permute(2, 0, 3, 1, 4)
            with sdpa_kernel(kernel):
                found = torch.nn.functional.scaled_dot_product_attention(*parts, is_causal=True)
            loss = ((out(found.transpose(1, 2).reshape(rows, steps, H)) - wanted) ** 2).mean()
            return torch.autograd.grad(loss, parameters)

        return step

    return make


@dataclass(frozen=True)
class Layer:
    """A row of the comparison. work: multiply-adds of a forward pass for one row, against T."""

    make: Callable[[Shaped, Shaped], Step]
    work: Callable[[int], float]


def linear(products: float) -> Callable[[int], float]:
    """T times so many products of an H x H matrix with a vector."""
    return lambda steps: steps * products * H * H


LAYERS = {
    "rnn": Layer(recurrent("rnn"), linear(2)),
    "lstm": Layer(recurrent("lstm"), linear(8)),
    f"lstm, truncated to {WINDOW}": Layer(recurrent("lstm", ost.TruncatedBPTT(WINDOW, WINDOW)), linear(8)),
    f"lstm, {BUDGET} kept": Layer(recurrent("lstm", ost.CheckpointedBPTT(BUDGET)), linear(8)),
    "linear_ssm": Layer(recurrent("linear_ssm"), linear(4)),
    "diagonal_ssm": Layer(recurrent("diagonal_ssm"), linear(3)),
    # Half of the (T, T) products lie in the future, but the kernels differ in whether they leave them out.
    "attention, weights stored": Layer(attention(False), lambda t: 4 * t * H * H + 2 * t * t * H),
    "attention, fused": Layer(attention(True), lambda t: 4 * t * H * H + 2 * t * t * H),
}


def resident(name: str) -> int:
    """Bytes of a field of this process's memory, such as VmRSS."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {name}")


def measure(layer: Layer, steps: int) -> dict[str, float]:
    """Bytes and seconds of a training step."""
    rng = np.random.default_rng(0)

    def data(rows: int, count: int) -> list[Shaped]:
        return [rng.standard_normal((rows, count, H), dtype=np.float32) for _ in "xy"]

    layer.make(*data(1, 16))()  # the code is loaded
    step = layer.make(*data(N, steps))
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM begins anew
    step()
    peak = resident("VmHWM") - before
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {"bytes": peak, "seconds": statistics.median(times)}


def in_a_process(layer: Layer, steps: int) -> dict[str, float]:
    """`measure` in a copy of this process, which has imported everything and computed nothing."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.write(write, json.dumps(measure(layer, steps)).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    if os.waitpid(child, 0)[1]:
        sys.exit(f"the measurement of T = {steps} failed")
    found: dict[str, float] = json.loads(text)
    return found


def exponent(values: list[float]) -> float:
    """p, where the last doublings of T multiply a value by 2^p."""
    return math.log2(values[-1] / values[-3]) / 2


def run() -> dict[str, Any]:
    """Measures, prints, writes."""
    import torch

    rows = []
    print(f"{'':26}{''.join(f'{steps:>9}' for steps in LENGTHS)}   T^p")
    for name, layer in LAYERS.items():
        found = [in_a_process(layer, steps) for steps in LENGTHS]
        milliseconds = [1e3 * one["seconds"] for one in found]
        megabytes = [one["bytes"] / 1e6 for one in found]
        print(f"{name + ', ms':26}{''.join(f'{x:9.1f}' for x in milliseconds)}{exponent(milliseconds):6.2f}")
        print(f"{name + ', MB':26}{''.join(f'{x:9.1f}' for x in megabytes)}{exponent(megabytes):6.2f}")
        work = [layer.work(steps) for steps in LENGTHS]
        rows.append({"layer": name, "ms": milliseconds, "mb": megabytes, "work": work})
    content = {
        "machine": machine.describe() | {"torch": torch.__version__, "load": machine.load()},
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "shape": {"N": N, "H": H, "heads": HEADS},
        "lengths": LENGTHS,
        "rows": rows,
    }
    RESULT.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return content


def draw(content: dict[str, Any]) -> None:
    """The curves, and the formulas as dashed lines through the last points of an LSTM and of attention."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    lengths = np.array(content["lengths"])
    for ax, key, label in zip(figure.subplots(1, 2), ("ms", "mb"), ("ms", "MB"), strict=True):
        for row in content["rows"]:
            line = ax.plot(lengths, np.maximum(row[key], 0.1), marker=".", label=row["layer"])[0]
            formula = {
                ("lstm", "ms"): row["work"],
                ("lstm", "mb"): lengths,
                ("attention, weights stored", "ms"): row["work"],
                ("attention, weights stored", "mb"): lengths**2,
            }.get((row["layer"], key))
            if formula is not None:
                scaled = np.array(formula) * row[key][-1] / formula[-1]
                ax.plot(lengths, np.maximum(scaled, 0.1), "--", color=line.get_color(), linewidth=0.8)
        ax.set(xscale="log", yscale="log", xlabel="T, steps", ylabel=f"{label} of a training step")
        ax.set_xticks(lengths, [f"{one:,}" for one in lengths])
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    figure.axes[1].legend(fontsize=7)
    figure.savefig(PICTURE, dpi=100)


def table(content: dict[str, Any]) -> str:
    """Some lengths of each layer, and the exponents, as the page shows them."""
    lengths = content["lengths"]
    shown = [0, 2, 4, len(lengths) - 1]
    columns = [f"T = {lengths[n]:,}" for n in shown]
    lines = [
        f"| layer | {' | '.join(f'ms, {one}' for one in columns)} | time is T^p, p = "
        f"| {' | '.join(f'MB, {one}' for one in columns)} | memory is T^p, p = |",
        "|---" * (2 * len(shown) + 3) + "|",
    ]
    for row in content["rows"]:
        cells = [row["layer"]]
        for key in ("ms", "mb"):
            cells += [f"{row[key][n]:,.{0 if row[key][n] >= 100 else 1}f}" for n in shown]
            cells.append(f"{exponent(row[key]):.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    facts, shape = content["machine"], content["shape"]
    note = (
        f"One training step of a batch of {shape['N']} rows, {shape['H']} features in and out, attention "
        f"with {shape['heads']} heads; float32, one thread. "
        f"{facts['processor']}, {facts['instruction_set']}; torch {facts['torch']}."
    )
    return "\n".join([*lines, "", *textwrap.wrap(note, 130)])


def with_table(text: str, made: str) -> str:
    """The text of the page with the table between its marks."""
    start, end = (text.index(mark) for mark in MARKS)
    return f"{text[: start + len(MARKS[0])]}\n{made}\n{text[end:]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draw", action="store_true", help="draw the results that are there")
    results = json.loads(RESULT.read_text(encoding="utf-8")) if parser.parse_args().draw else run()
    draw(results)
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table(results)), encoding="utf-8")
