"""The whole comparison: `make bench`. README.md says how; `report.py` draws the pages from what this writes.

`full.py [PART ...] [--seconds S]` measures only some parts again, by name: `full.py --help` lists them.
What it does not measure, or what fails, stays as it was in the file of this machine, results/machines/.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import decoders
import language_model
import machine
import numpy as np
import products
from bench import Bench, compared, facts, title, work
from cases import (
    FEW_ROWS,
    FUSED_THERE,
    GROUP_SHAPES,
    PLUGIN_CELLS,
    SHAPES,
    STACK_SHAPES,
    USER_SHAPE,
    WRITTEN_BY_USERS,
    Case,
)
from timing import Pair

import examples
import ostinato as ost
from ostinato import _core

FILE = f"machines/{machine.slug()}"


def fused(bench: Bench) -> None:
    """RNN, LSTM and GRU, compared with PyTorch's own kernels."""
    for kind in FUSED_THERE:
        for shape in SHAPES:
            case = Case.make(kind, shape)
            rival = compared(case)
            for training in (True, False):
                for threads in bench.threads:
                    bench.pair(
                        "fused", title(case, training), "torch", threads,
                        work(case, training), rival.work(training), **facts(case, training),
                    )  # fmt: skip


def user(bench: Bench) -> None:
    """Cells that PyTorch lacks, compared with its loop and JAX; and the time until ours is ready."""
    from jax_rival import Rival as Jax

    for kind in WRITTEN_BY_USERS:
        for shape in SHAPES[:3]:
            case = Case.make(kind, shape)
            rival = compared(case)
            scan = Jax(case.program, case.params, case.states, case.x, case.target)
            case.check("jax", scan.results(), case.ours)
            for training in (True, False):
                for threads in bench.threads:
                    bench.pair(
                        "user", title(case, training), "torch eager", threads,
                        work(case, training), rival.work(training), **facts(case, training),
                    )  # fmt: skip
                bench.pair(
                    "user", title(case, training), "jax scan", 1,
                    work(case, training), scan.work(training), **facts(case, training),
                )  # fmt: skip
        start = time.perf_counter()
        ready = ost.Recurrent(kind, USER_SHAPE[2], USER_SHAPE[2])
        ready.run(np.zeros((1, 1, USER_SHAPE[2]), np.float32))
        taken = 1e3 * (time.perf_counter() - start)
        what = f"{kind} traced, planned and run once"
        bench.rows.append({"part": "user", "what": what, "cell": kind, "ready_ms": taken})
        print(f"{'user':10}{what}: {taken:.1f} ms", flush=True)


def compiled(bench: Bench, kind: str) -> None:
    """A cell that PyTorch lacks, compared with torch.compile. It takes minutes, so each cell is a part."""
    # The compile time is recorded, so it starts with an empty cache.
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    import torch

    case = Case.make(kind, USER_SHAPE)
    start = time.perf_counter()
    torch.set_num_threads(1)
    rival = compared(case, compiled=True)
    seconds = time.perf_counter() - start
    bench.pair(
        f"compiled-{kind}", title(case, True), "torch.compile", 1,
        work(case, True), rival.work(True), **facts(case, True), their_compile_seconds=seconds,
    )  # fmt: skip


def plugins(bench: Bench) -> None:
    """The other cells of ostinato-cells, compared with the same equations in a loop in PyTorch."""
    for kind in PLUGIN_CELLS:
        case = Case.make(kind, USER_SHAPE)
        bench.pair(
            "plugins", title(case, True), "torch eager", 1,
            work(case, True), compared(case).work(True), **facts(case, True),
        )  # fmt: skip


def inference(bench: Bench) -> None:
    """Batched inference, compared with ONNX Runtime."""
    from onnx_rival import Rival as Onnx

    _infer(bench, "inference", "onnxruntime", lambda *given: contextlib.nullcontext(Onnx(*given)))


def rust(bench: Bench) -> None:
    """Batched inference, compared with rten, which runs in its own process and measures its own time."""
    from rten_rival import Rival as Rten

    _infer(bench, "rust", "rten", Rten)


def _infer(bench: Bench, part: str, name: str, rival: Callable[..., Any]) -> None:
    """LSTM and GRU, compared with a rival made of cell, parameters, input and a number of threads."""
    for kind in ("lstm", "gru"):
        for shape in SHAPES[:4]:
            case = Case.make(kind, shape)
            for threads in bench.threads:
                with rival(kind, case.params, case.x, threads) as other:
                    case.check(name, {"outputs": other.outputs()}, case.ours)
                    bench.pair(
                        part, title(case, False), name, threads,
                        work(case, False), other.infer, **facts(case, False),
                    )  # fmt: skip


def pointwise(bench: Bench) -> None:
    """What an LSTM would gain by a pointwise part that is fused by hand: rust/core/examples/fused_lstm."""
    if _core.instruction_set() != "avx512":
        print("pointwise: the LSTM by hand is in AVX-512, which does not run here")
        return
    steps, rows = 100, 32  # as the program has them
    for hidden in (32, 64, 128, 256):
        _ablation(bench, "pointwise", "fused_lstm", "by hand", (steps, rows, hidden), (hidden,))


def matrix_products(bench: Bench) -> None:
    """The products of an LSTM's training step, compared with torch.mm."""
    examples.build("rates")
    for hidden in products.SIZES:
        for product, every in products.ROWS.items():
            for rows in every:
                bench.pair(
                    "products", f"{product} H={hidden}, {rows} rows", "torch.mm", 1,
                    products.ours(product, rows, hidden), products.theirs(product, rows, hidden),
                    H=hidden, N=rows, product=product, flops=products.flops(rows, hidden),
                )  # fmt: skip


def groups(bench: Bench) -> None:
    """What a training step gains by groups of rows of one size or another: rust/core/examples/row_groups."""
    for steps, rows, hidden in GROUP_SHAPES:
        for group in dict.fromkeys((4, 8, 32, rows)):
            rival = "whole" if group == rows else f"groups of {group}"
            shape = (steps, rows, hidden)
            _ablation(bench, "groups", "row_groups", rival, shape, (*shape, group, 1))


def _ablation(
    bench: Bench, part: str, program: str, rival: str, shape: tuple[int, int, int], given: tuple[int, ...]
) -> None:
    """One row of an LSTM's training, measured by a program of Rust: what is given, and the seconds."""
    steps, rows, hidden = shape
    examples.build(program)
    bench.measured(
        part, f"lstm T={steps} N={rows} H={hidden} forward and backward", rival, 1,
        lambda: examples.pair(program, *given, bench.seconds),
        cell="lstm", T=steps, N=rows, H=hidden, work="train",
        flops=3 * 2 * steps * rows * 4 * hidden * (hidden + hidden),
    )  # fmt: skip


def threads(bench: Bench) -> None:
    """Ours with two threads, compared with ours with one."""
    if 2 not in bench.threads:
        print("threads: this machine has one core")
        return
    shapes = [(1, shape) for shape in [*SHAPES, *FEW_ROWS]] + [(2, shape) for shape in STACK_SHAPES]
    for kind in FUSED_THERE:
        for layers, shape in shapes:
            case = Case.make(kind, shape, layers)
            for training in (True, False):
                one = work(case, training)

                def by(count: int, one: Callable[[], object] = one) -> None:
                    ost.set_num_threads(count)
                    one()

                bench.pair(
                    "threads", title(case, training), "one thread", 2,
                    functools.partial(by, 2), functools.partial(by, 1), **facts(case, training),
                )  # fmt: skip


def demo(bench: Bench) -> None:
    """Characters per second of `make demo`, compared with the same model in PyTorch."""
    for threads in bench.threads:
        duel: dict[str, float] = {}

        def measure(threads: int = threads, duel: dict[str, float] = duel) -> Pair:
            # A window takes tens of milliseconds: fewer seconds would be few windows.
            return language_model.alternate(threads, 4 * bench.seconds, duel)

        row = bench.measured("demo", "a window of make demo's model", "torch", threads, measure, cell="lstm")
        characters = duel["characters"]
        row |= {
            "ours_per_second": 1e3 * characters / row["ours_ms"],
            "theirs_per_second": 1e3 * characters / row["theirs_ms"],
        }
        print(f"{'':10}characters per second: ours {row['ours_per_second']:,.0f}, "
              f"torch {row['theirs_per_second']:,.0f}")  # fmt: skip


def streaming(bench: Bench) -> None:
    """One step per call, one row, through Python, compared with ONNX Runtime."""
    from onnx_rival import Rival as Onnx

    for kind in ("lstm", "gru"):
        for hidden in (64, 128, 256, 512):
            case = Case.make(kind, (1, 1, hidden))
            rival = Onnx(kind, case.params, case.x, 1)
            stream, x = case.network.stream(batch=1), np.ascontiguousarray(case.x[:, 0])

            def ours(stream: Any = stream, x: np.ndarray = x) -> None:
                for _ in range(100):
                    stream.step(x)

            def theirs(rival: Onnx = rival) -> None:
                for _ in range(100):
                    rival.step()

            bench.pair("streaming", f"{kind} H={hidden}, 100 steps", "onnxruntime", 1, ours, theirs,
                       cell=kind, H=hidden)  # fmt: skip


def traffic(bench: Bench) -> None:
    """`value_and_grad`, which finishes a row group before the next, compared with `run` and `backward`.

    The second keeps the saved values of all rows, and it also returns the outputs and reads their gradients
    in, in the caller's order, with a loss in NumPy: what it costs more is all of that, not the traffic alone.
    """
    for shape in (SHAPES[1], SHAPES[3], SHAPES[4], SHAPES[5]):
        case = Case.make("lstm", shape)

        def whole(case: Case = case) -> None:
            run = case.network.run(case.x, training=True, input_gradient=False)
            run.backward((run.outputs - case.target) * (2 / case.target.size))

        bench.pair(
            "traffic", title(case, True), "run + backward", 1, work(case, True), whole, **facts(case, True)
        )


def ragged(bench: Bench) -> None:
    """Lengths from 1 to T, compared with rows of T steps: the time should be proportional to the steps."""
    for kind in FUSED_THERE:
        case = Case.make(kind, (100, 64, 128))
        lengths = np.random.default_rng(0).integers(1, 101, 64)
        share = float(lengths.mean()) / 100

        def ours(case: Case = case, lengths: np.ndarray = lengths) -> None:
            case.network.value_and_grad(
                case.x, case.target, loss="mse", lengths=lengths, input_gradient=False
            )

        row = bench.pair(
            "ragged", f"{kind} lengths 1..100 N=64 H=128", "all 100 long", 1, ours, work(case, True)
        )
        row |= {"share_of_steps": share, "time_over_share": 1 / row["ratio"] / share}


def optimizer(bench: Bench) -> None:
    """Adam over an arena larger than any cache, compared with PyTorch's Adam and the memory's bandwidth."""
    import torch

    size = 32 << 20  # 128 MB of float32, four arrays of them
    params, grads = np.ones(size, np.float32), np.full(size, 1e-3, np.float32)
    weights = torch.nn.Parameter(torch.ones(size))
    weights.grad = torch.full((size,), 1e-3)
    ours, theirs = ost.Adam(lr=1e-3), torch.optim.Adam([weights], lr=1e-3, fused=True)
    for threads in bench.threads:
        row = bench.pair(
            "optimizer", "Adam, 32 Mi parameters", "torch fused", threads,
            lambda: ours.step(params, grads), lambda: theirs.step(),
        )  # fmt: skip
        # Read param, grad, mean, square; write param, mean, square.
        bandwidth = machine.bandwidth(threads)
        rate = 7 * 4 * size / (row["ours_ms"] / 1e3) / 1e9
        row |= {"gb_per_second": rate, "bandwidth": bandwidth, "share_of_bandwidth": rate / bandwidth}


PARTS: dict[str, Callable[..., None]] = {
    "fused": fused,
    "threads": threads,
    "user": user,
    **{f"compiled-{kind}": functools.partial(compiled, kind=kind) for kind in WRITTEN_BY_USERS},
    "plugins": plugins,
    **{part: functools.partial(decoders.measure, part=part) for part in decoders.ROWS},
    "inference": inference,
    "rust": rust,
    "streaming": streaming,
    "pointwise": pointwise,
    "products": matrix_products,
    "groups": groups,
    "traffic": traffic,
    "ragged": ragged,
    "optimizer": optimizer,
    "demo": demo,
}


def main() -> str | int:
    """Measures the parts that are named, or all; each is written as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []], help=", ".join(PARTS))
    parser.add_argument(
        "--seconds", type=float, default=2.0, help="a pair; at least 7 repetitions of each side"
    )
    parser.add_argument(
        "--no-compile", action="store_true", help="leave torch.compile out of all parts: it takes minutes"
    )
    options = parser.parse_args()
    bench, failed = Bench(options.seconds), []
    parts = [name for name in PARTS if not (options.no_compile and name.startswith("compiled-"))]
    for name in options.parts or parts:
        try:
            PARTS[name](bench)
        except (Exception, SystemExit) as problem:  # the other parts are worth as much without this one
            traceback.print_exc()
            print(f"{name}: {problem}; left as it was in results/{FILE}.json", file=sys.stderr)
            failed.append(name)
        else:
            bench.write(FILE, name)
    return f"failed: {', '.join(failed)}" if failed else 0


if __name__ == "__main__":
    sys.exit(main())
