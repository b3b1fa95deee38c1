"""The whole comparison: `make bench`. README.md says how; `report.py` draws the pages from what this writes.

`full.py [PART ...] [--seconds S]` measures only some parts again, by name: `full.py --help` lists them.
What it does not measure, or what fails, stays as it was in results/full.json.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import fused_lstm
import language_model
import machine
import numpy as np
from bench import Bench, compared, facts, title, work
from cases import FUSED_THERE, PLUGIN_CELLS, SHAPES, USER_SHAPE, WRITTEN_BY_USERS, Case
from timing import Pair

import ostinato as ost


def fused(bench: Bench) -> None:
    """RNN, LSTM and GRU beside PyTorch's own kernels."""
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


def user(bench: Bench, compiled: bool) -> None:
    """Cells that PyTorch lacks, beside its loop, torch.compile and JAX; and how soon ours is ready."""
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
            if compiled and shape == USER_SHAPE:
                import torch

                start = time.perf_counter()
                torch.set_num_threads(1)
                quick = compared(case, compiled=True)
                seconds = time.perf_counter() - start
                bench.pair(
                    "user", title(case, True), "torch.compile", 1,
                    work(case, True), quick.work(True), **facts(case, True), their_compile_seconds=seconds,
                )  # fmt: skip
        start = time.perf_counter()
        ready = ost.Recurrent(kind, USER_SHAPE[2], USER_SHAPE[2])
        ready.run(np.zeros((1, 1, USER_SHAPE[2]), np.float32))
        taken = 1e3 * (time.perf_counter() - start)
        what = f"{kind} traced, planned and run once"
        bench.rows.append({"part": "user", "what": what, "cell": kind, "ready_ms": taken})
        print(f"{'user':10}{what}: {taken:.1f} ms", flush=True)


def plugins(bench: Bench) -> None:
    """The other cells of ostinato-cells beside the same equations looped in PyTorch."""
    for kind in PLUGIN_CELLS:
        case = Case.make(kind, USER_SHAPE)
        bench.pair(
            "plugins", title(case, True), "torch eager", 1,
            work(case, True), compared(case).work(True), **facts(case, True),
        )  # fmt: skip


def inference(bench: Bench) -> None:
    """Batched inference beside ONNX Runtime."""
    from onnx_rival import Rival as Onnx

    for kind in ("lstm", "gru"):
        for shape in SHAPES[:4]:
            case = Case.make(kind, shape)
            for threads in bench.threads:
                rival = Onnx(kind, case.params, case.x, threads)
                case.check("onnxruntime", {"outputs": rival.outputs()}, case.ours)
                bench.pair(
                    "inference", title(case, False), "onnxruntime", threads,
                    work(case, False), rival.infer, **facts(case, False),
                )  # fmt: skip


def rust(bench: Bench) -> None:
    """Batched inference beside rten, in a process of its own that takes its own time."""
    from rten_rival import Rival as Rten

    for kind in ("lstm", "gru"):
        for shape in SHAPES[:4]:
            case = Case.make(kind, shape)
            for threads in bench.threads:
                with Rten(kind, case.params, case.x, threads) as rival:
                    case.check("rten", {"outputs": rival.outputs()}, case.ours)
                    bench.pair(
                        "rust", title(case, False), "rten", threads,
                        work(case, False), rival.infer, **facts(case, False),
                    )  # fmt: skip


def pointwise(bench: Bench) -> None:
    """What an LSTM would gain by a pointwise part that is fused by hand: rust/core/examples/fused_lstm."""
    if not fused_lstm.build():
        print("pointwise: the LSTM by hand is in AVX-512, which does not run here")
        return
    steps, rows = fused_lstm.STEPS, fused_lstm.ROWS
    for hidden in (32, 64, 128, 256):
        bench.measured(
            "pointwise", f"lstm T={steps} N={rows} H={hidden} there and back", "by hand", 1,
            functools.partial(fused_lstm.run, hidden, bench.seconds),
            cell="lstm", T=steps, N=rows, H=hidden, work="train",
            flops=3 * 2 * steps * rows * 4 * hidden * (hidden + hidden),
        )  # fmt: skip


def threads(bench: Bench) -> None:
    """Ours with two threads beside ours with one."""
    if 2 not in bench.threads:
        print("threads: this machine has one core")
        return
    for kind in FUSED_THERE:
        for shape in SHAPES:
            case = Case.make(kind, shape)
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
    """Characters per second of `make demo` beside the same model in PyTorch."""
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
    """One step a call, one row, through Python, beside ONNX Runtime."""
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
    """`value_and_grad`, which finishes a group of rows before the next, beside `run` and `backward`.

    The second keeps the saved values of all rows, and it also hands the outputs out and takes their gradients
    in, in the caller's order, with a loss in NumPy: what it costs more is all of that, not the traffic alone.
    """
    for shape in (SHAPES[1], SHAPES[3], SHAPES[4], SHAPES[5]):
        case = Case.make("lstm", shape)

        def whole(case: Case = case) -> None:
            run = case.network.run(case.x, training=True)
            run.backward((run.outputs - case.target) * (2 / case.target.size))

        bench.pair(
            "traffic", title(case, True), "run + backward", 1, work(case, True), whole, **facts(case, True)
        )


def ragged(bench: Bench) -> None:
    """Lengths from 1 to T beside rows that are all T long: time should fall as the sum of lengths does."""
    for kind in FUSED_THERE:
        case = Case.make(kind, (100, 64, 128))
        lengths = np.random.default_rng(0).integers(1, 101, 64)
        share = float(lengths.mean()) / 100

        def ours(case: Case = case, lengths: np.ndarray = lengths) -> None:
            case.network.value_and_grad(case.x, case.target, loss="mse", lengths=lengths)

        row = bench.pair(
            "ragged", f"{kind} lengths 1..100 N=64 H=128", "all 100 long", 1, ours, work(case, True)
        )
        row |= {"share_of_steps": share, "time_over_share": 1 / row["ratio"] / share}


def optimizer(bench: Bench) -> None:
    """Adam over an arena that no cache holds, beside PyTorch's fused Adam and the memory's bandwidth."""
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
    "plugins": plugins,
    "inference": inference,
    "rust": rust,
    "streaming": streaming,
    "pointwise": pointwise,
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
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out: it takes minutes")
    options = parser.parse_args()
    bench, failed = Bench(options.seconds), []
    for name in options.parts or PARTS:
        try:
            PARTS[name](bench, **({"compiled": not options.no_compile} if name == "user" else {}))
        except (Exception, SystemExit) as problem:  # the other parts are worth as much without this one
            traceback.print_exc()
            print(f"{name}: {problem}; left as it was in results/full.json", file=sys.stderr)
            failed.append(name)
        else:
            bench.write("full", name)
    return f"failed: {', '.join(failed)}" if failed else 0


if __name__ == "__main__":
    sys.exit(main())
