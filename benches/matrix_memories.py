"""The cells with a matrix memory, compared with loops over steps: `python benches/matrix_memories.py`.

The loops run the same equations for all rows together, in NumPy and in eager PyTorch, with the products of
the input outside the loop. All sides have one thread by default. Their outputs must agree before any timing.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

THREADS = next((f for a, f in zip(sys.argv, sys.argv[1:], strict=False) if a == "--threads"), "1")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, THREADS)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from timing import alternate  # noqa: E402

import ostinato as ost  # noqa: E402

Arrays = dict[str, Any]


def mlstm(m: Any, x: Any, p: Arrays) -> list[Any]:
    """The outputs of all steps, each (N, H); `m` is numpy or torch."""
    rows, steps, hidden = x.shape[0], x.shape[1], x.shape[-1]
    inner = x @ p["weight_ih"].T + p["bias"]
    gates = x @ p["weight_gates"].T
    i, f = gates[..., :1] + p["bias_input"], gates[..., 1:] + p["bias_forget"]
    open_ = -m.log1p(m.exp(-f)) if m is np else torch.nn.functional.logsigmoid(f)
    o = 1 / (1 + m.exp(-inner[..., 3 * hidden :])) if m is np else torch.sigmoid(inner[..., 3 * hidden :])
    q, k, v = (inner[..., j * hidden : (j + 1) * hidden] for j in range(3))
    k = k / hidden**0.5
    like = {} if m is np else {"dtype": x.dtype}
    zeros = (lambda *shape: np.zeros(shape, x.dtype)) if m is np else (lambda *s: torch.zeros(*s, **like))
    c, n, top = zeros(rows, hidden, hidden), zeros(rows, hidden), zeros(rows, 1)
    outputs = []
    for t in range(steps):
        kept = open_[:, t] + top
        top = m.maximum(kept, i[:, t])
        forget, write = m.exp(kept - top), m.exp(i[:, t] - top)
        c = forget[:, :, None] * c + (write * v[:, t])[:, :, None] * k[:, t][:, None, :]
        n = forget * n + write * k[:, t]
        norm = m.maximum(abs((n * q[:, t]).sum(-1)[:, None]), m.exp(-top))
        outputs.append(o[:, t] * (c @ q[:, t][:, :, None])[..., 0] / norm)
    return outputs


def delta_net(m: Any, x: Any, p: Arrays) -> list[Any]:
    """The same for DeltaNet."""
    rows, steps, hidden = x.shape[0], x.shape[1], x.shape[-1]
    inner = x @ p["weight_ih"].T
    inner = inner / (1 + np.exp(-inner)) if m is np else torch.nn.functional.silu(inner)
    rate = x @ p["weight_rate"].T + p["bias_rate"]
    rate = 1 / (1 + np.exp(-rate)) if m is np else torch.sigmoid(rate)
    q, k, v = (inner[..., j * hidden : (j + 1) * hidden] for j in range(3))
    q, k = (one / m.sqrt((one * one).sum(-1)[..., None] + 1e-6) for one in (q, k))
    c = np.zeros((rows, hidden, hidden), x.dtype) if m is np else torch.zeros(rows, hidden, hidden)
    outputs = []
    for t in range(steps):
        error = v[:, t] - (c @ k[:, t][:, :, None])[..., 0]
        c = c + (rate[:, t] * error)[:, :, None] * k[:, t][:, None, :]
        outputs.append((c @ q[:, t][:, :, None])[..., 0])
    return outputs


LOOPS = {"mlstm": mlstm, "delta_net": delta_net}


def main() -> None:
    """Measures and prints."""
    arguments = _arguments()
    ost.set_num_threads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    rows, steps = arguments.rows, arguments.steps
    print(
        f"N = {rows}, T = {steps}, {arguments.threads} thread(s), float32, milliseconds; times = rival / ours"
    )
    print(
        f"{'':10}{'H':>5}  {'pass':9}{'ours':>8}{'numpy':>9}{'times':>7}{'torch':>9}{'times':>7}{'LSTM':>8}"
    )
    for hidden in arguments.sizes:
        for name, loop in LOOPS.items():
            _measure(name, loop, hidden, arguments)


def _measure(name: str, loop: Any, hidden: int, arguments: argparse.Namespace) -> None:
    rows, steps, seconds = arguments.rows, arguments.steps, arguments.seconds
    net, lstm = ost.Recurrent(name, hidden, hidden), ost.LSTM(hidden, hidden)
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(rows, steps, hidden)).astype("float32") for _ in range(2))
    p = {key.removesuffix("_l0"): np.array(value) for key, value in net.parameters().items()}
    tensors = {key: torch.tensor(value, requires_grad=True) for key, value in p.items()}
    given, target = torch.tensor(x), torch.tensor(y)

    def torch_forward() -> Any:
        with torch.inference_mode():
            return torch.stack(loop(torch, given, tensors), 1)

    def torch_train() -> Any:
        for value in tensors.values():
            value.grad = None
        torch.nn.functional.mse_loss(torch.stack(loop(torch, given, tensors), 1), target).backward()

    outputs = net.run(x).outputs
    for rival in (np.stack(loop(np, x, p), 1), torch_forward().numpy()):
        # float32, and a memory of hundreds of steps
        np.testing.assert_allclose(outputs, rival, rtol=0, atol=1e-3 * max(1.0, float(abs(rival).max())))
    forward = alternate(lambda: net.run(x), lambda: loop(np, x, p), seconds, least=3)
    other = alternate(lambda: net.run(x), torch_forward, seconds, least=3)
    beside = alternate(lambda: net.run(x), lambda: lstm.run(x), seconds, least=3)
    print(
        f"{name:10}{hidden:5}  {'forward':9}{1e3 * forward.ours:8.2f}{1e3 * forward.theirs:9.1f}"
        f"{forward.ratio:6.1f}x{1e3 * other.theirs:9.1f}{other.ratio:6.1f}x{1e3 * beside.theirs:8.2f}",
        flush=True,
    )

    def train(which: ost.Network) -> object:
        return which.value_and_grad(x, y, loss="mse", input_gradient=False)

    memory = net.training_memory(rows, steps, "mse")
    peak = memory.parameters + memory.batch + memory.row_group * memory.threads
    trained = alternate(lambda: train(net), torch_train, seconds, least=3)
    beside = alternate(lambda: train(net), lambda: train(lstm), seconds, least=3)
    print(
        f"{'':15}  {'training':9}{1e3 * trained.ours:8.2f}{'':16}{1e3 * trained.theirs:9.1f}"
        f"{trained.ratio:6.1f}x{1e3 * beside.theirs:8.2f}   {peak / 1e6:.1f} MB",
        flush=True,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=32, help="N")
    parser.add_argument("--steps", type=int, default=100, help="T")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64], help="H, also the input's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each pair")
    return parser.parse_args()


if __name__ == "__main__":
    main()
