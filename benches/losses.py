"""Losses with states, with a NumPy loop over steps and with PyTorch: `python benches/losses.py [SECONDS]`.

Value and gradient of the outputs, float32, one thread: a network without layers, so that the loss alone is
measured. Before any timing, both sides must agree in float64.
The loops process all rows of a step together, as a careful user writes them: the logarithm of the forward
variables, then the gradient from the last step to the first. "torch" is `torch.nn.CTCLoss` with its backward
pass; PyTorch has no CRF.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from timing import alternate

import ostinato as ost
from ostinato.losses import CRF, CTC

Array = np.ndarray[Any, Any]

# N, T, and V with the labels of a row (CTC), or the tags K (CRF)
CTC_SHAPES = ((32, 100, 32, 16), (32, 200, 64, 32), (8, 50, 28, 10), (1, 200, 32, 16))
CRF_SHAPES = ((32, 50, 9), (32, 100, 20), (1, 50, 10), (32, 200, 10), (1, 200, 30), (32, 50, 30))
FAR = -1e30


class Passage(ost.Cell):
    """The output is the input."""

    def step(self, x: Any, state: Any, p: Any) -> Any:
        """Returns x."""
        return x, {}


def ctc_loop(y: Array, labels: Array) -> tuple[float, Array]:
    """The sum of the CTC losses of rows without padding, and the gradient of y (N, T, V). Blank is 0."""
    rows, steps, _ = y.shape
    count = labels.shape[1]
    extended = np.zeros((rows, 2 * count + 1), int)
    extended[:, 1::2] = np.maximum(labels, 0)
    lengths = 2 * (labels >= 0).sum(1) + 1
    skips = np.full(extended.shape, FAR, y.dtype)
    skips[:, 2:][(extended[:, 2:] != 0) & (extended[:, 2:] != extended[:, :-2])] = 0.0
    top = y.max(2, keepdims=True)
    log_p = y - top - np.log(np.exp(y - top).sum(2, keepdims=True))
    at = np.arange(rows)[:, None]
    own = np.ascontiguousarray(log_p.transpose(1, 0, 2)[:, at, extended])
    alphas = np.full((steps, *extended.shape), FAR, y.dtype)
    alphas[0, :, :2] = own[0, :, :2]
    shares: list[tuple[Array, Array, Array]] = []
    for t in range(1, steps):
        stay = alphas[t - 1]
        one, two = np.full_like(stay, FAR), np.full_like(stay, FAR)
        one[:, 1:], two[:, 2:] = stay[:, :-1], stay[:, :-2] + skips[:, 2:]
        largest = np.maximum(np.maximum(stay, one), two)
        parts = np.exp(stay - largest), np.exp(one - largest), np.exp(two - largest)
        total = parts[0] + parts[1] + parts[2]
        alphas[t] = own[t] + largest + np.log(total)
        shares.append((parts[0] / total, parts[1] / total, parts[2] / total))
    ends = alphas[-1][np.arange(rows)[:, None], np.stack([lengths - 1, np.maximum(lengths - 2, 0)], 1)]
    ends[:, 1] = np.where(lengths > 1, ends[:, 1], FAR)
    largest = ends.max(1)
    weights = np.exp(ends - largest[:, None])
    totals = weights.sum(1)
    losses = -(largest + np.log(totals))
    d = np.zeros_like(alphas[0])
    np.add.at(d, (np.arange(rows), lengths - 1), -weights[:, 0] / totals)
    np.add.at(d, (np.arange(rows), np.maximum(lengths - 2, 0)), -weights[:, 1] / totals)
    d_own = np.empty_like(own)
    for t in range(steps - 1, 0, -1):
        d_own[t] = d
        stay, one, two = shares[t - 1]
        before = d * stay
        before[:, :-1] += (d * one)[:, 1:]
        before[:, :-2] += (d * two)[:, 2:]
        d = before
    d_own[0] = d
    d_own[0, :, 2:] = 0.0
    d_log = np.zeros((steps, *y.shape[::2]), y.dtype)
    for place in range(extended.shape[1]):  # one label of each row at a time, so that no index is there twice
        d_log[:, np.arange(rows), extended[:, place]] += d_own[:, :, place]
    d_log = d_log.transpose(1, 0, 2)
    return float(losses.sum()), d_log - np.exp(log_p) * d_log.sum(2, keepdims=True)


def crf_loop(y: Array, tags: Array) -> tuple[float, Array]:
    """The sum of the CRF losses of rows without padding, and the gradient of y (N, T, K + K * K)."""
    rows, steps, width = y.shape
    count = int((np.sqrt(1 + 4 * width) - 1) / 2)
    scores = y[..., :count]
    moves = y[..., count:].reshape(rows, steps, count, count)
    alpha = scores[:, 0]
    shares: list[Array] = []
    each = np.arange(rows)
    given = scores[each, 0, tags[:, 0]].copy()
    for t in range(1, steps):
        paths = moves[:, t] + alpha[:, None, :]
        largest = paths.max(2, keepdims=True)
        parts = np.exp(paths - largest)
        total = parts.sum(2, keepdims=True)
        shares.append(parts / total)
        alpha = scores[:, t] + (largest + np.log(total))[..., 0]
        given += scores[each, t, tags[:, t]] + moves[each, t, tags[:, t], tags[:, t - 1]]
    largest = alpha.max(1, keepdims=True)
    weights = np.exp(alpha - largest)
    total = weights.sum(1, keepdims=True)
    losses = (largest + np.log(total))[:, 0] - given
    d = weights / total
    d_y = np.zeros_like(y)
    d_moves = d_y[..., count:].reshape(rows, steps, count, count)
    for t in range(steps - 1, 0, -1):
        d_y[:, t, :count] = d
        paths = d[..., None] * shares[t - 1]
        d_moves[:, t] = paths
        d_moves[each, t, tags[:, t], tags[:, t - 1]] -= 1.0
        d = paths.sum(1)
        d_y[each, t, tags[:, t]] -= 1.0
    d_y[:, 0, :count] = d
    d_y[each, 0, tags[:, 0]] -= 1.0
    d_y[..., count:] = d_moves.reshape(rows, steps, -1)
    return float(losses.sum()), d_y


def torch_ctc(y: Array, labels: Array) -> Any:
    """A function that computes the same with `torch.nn.CTCLoss`, or None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    rows, steps, _ = y.shape
    given = torch.tensor(y, requires_grad=True)
    padded, counts = torch.tensor(np.maximum(labels, 0)), torch.tensor((labels >= 0).sum(1))
    lengths, loss = torch.full((rows,), steps), torch.nn.CTCLoss(reduction="sum")

    def run() -> tuple[float, Array]:
        given.grad = None
        value = loss(torch.log_softmax(given, -1).transpose(0, 1), padded, lengths, counts)
        value.backward()
        assert given.grad is not None
        return value.item(), given.grad.numpy()

    return run


def ours(y: Array, targets: Array, loss: Any) -> Any:
    """A function that computes the loss and the gradient of y."""
    net: ost.Network = ost.Graph(outputs=ost.Input("y", size=y.shape[-1]))
    if y.dtype != net.dtype:
        net = ost.Recurrent(Passage, y.shape[-1], 1, dtype=y.dtype.name)
    ready = net._losses(loss, "sum").first

    def run() -> tuple[float, Array]:
        value, grads = net.value_and_grad(y, targets, loss=ready)
        assert grads.inputs is not None
        return value, grads.inputs

    return run


def check(found: tuple[float, Array], wanted: tuple[float, Array]) -> None:
    """Raises AssertionError unless values and gradients agree to 1e-9."""
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-10)
    np.testing.assert_allclose(found[1], wanted[1], atol=1e-9)


def measured(name: str, run: Any, rivals: dict[str, Any], seconds: float) -> None:
    """Prints a line: the medians in ms, and how many times faster ours is, with its 95 % interval."""
    parts = []
    for rival, other in rivals.items():
        if other is None:
            parts.append(f"{rival} not installed")
            continue
        pair = alternate(run, other, seconds)
        parts.append(
            f"{1e3 * pair.ours:7.2f} ms, {rival} {1e3 * pair.theirs:7.2f} ms: {pair.ratio:5.2f}x "
            f"({pair.low:.2f}-{pair.high:.2f})"
        )
    print(f"{name:34}" + "   ".join(parts), flush=True)


def main(seconds: float) -> None:
    """Measures and prints."""
    ost.set_num_threads(1)
    rng = np.random.default_rng(0)
    for rows, steps, classes, most in CTC_SHAPES:
        y = 2.0 * rng.normal(size=(rows, steps, classes))
        labels = rng.integers(1, classes, (rows, most))
        labels[np.arange(most) >= rng.integers(most // 2, most + 1, rows)[:, None]] = -1
        loss = CTC(labels=most)
        wanted = ctc_loop(y, labels)
        check(ours(y, labels, loss)(), wanted)
        other = torch_ctc(y, labels)
        if other is not None:
            check(other(), wanted)
        single = y.astype("float32")
        run, other = ours(single, labels, loss), torch_ctc(single, labels)
        rivals = {"NumPy": lambda s=single, w=labels: ctc_loop(s, w), "torch": other}
        measured(f"ctc N={rows} T={steps} V={classes} L={most}", run, rivals, seconds)
    for rows, steps, count in CRF_SHAPES:
        y = rng.normal(size=(rows, steps, count + count * count))
        tags = rng.integers(0, count, (rows, steps))
        check(ours(y, tags, CRF())(), crf_loop(y, tags))
        single = y.astype("float32")
        rivals = {"NumPy": lambda s=single, w=tags: crf_loop(s, w)}
        measured(f"crf N={rows} T={steps} K={count}", ours(single, tags, CRF()), rivals, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("seconds", type=float, nargs="?", default=2.0, help="for each pair")
    main(parser.parse_args().seconds)
