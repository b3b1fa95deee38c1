"""A program run by plain NumPy: the text form node by node, many rows side by side, one step after another.

It shares with the engine the text of the program and nothing else. Each op is its eager form
(`ostinato.ops`), lifted over rows; noise is drawn by a Philox of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato.ops import TABLE

Floats = NDArray[np.float64]
Draw = Callable[[int, int, int], Floats]
"""(stream, per, units) -> uniform numbers (rows, units)."""


DECISIONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "argmax")

UNDERFLOW = 1e-290
"""Products of two numbers below its root lose digits."""


class Program:
    """A step over many rows: every value has a leading axis of rows, or of 1 where all rows share it."""

    def __init__(self, text: str) -> None:
        data = json.loads(text)
        self.sizes: dict[str, int] = data["sizes"]
        self.nodes: list[dict[str, Any]] = data["nodes"]
        self.outputs: dict[str, int] = dict(data["outputs"])
        self.updates: dict[str, int] = dict(data["updates"])
        self.draws = any(node["op"] == "noise" for node in self.nodes)
        self.settings = 1
        """How many settings of the numbers lie side by side; the others were moved from the first."""
        self.flips = False
        """Whether a comparison or an argmax came out otherwise in another setting: a step, not a slope."""
        self.jitter: np.random.Generator | None = None
        """Where given, every value is off by about 1e-13 of itself, and 0 near underflow, where one rounding
        is all of a value: does a result depend on rounding?"""

    def dims(self, shape: list[Any]) -> tuple[int, ...]:
        """A shape in numbers; the text of a dimension is a sum of products of sizes."""
        return tuple(int(eval(str(dim), {"__builtins__": {}}, self.sizes)) for dim in shape)

    def step(
        self, given: Mapping[str, Floats], rows: int, draw: Draw | None = None
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """The outputs and the next states."""
        values: list[Any] = []
        for node in self.nodes:
            args = [values[arg] for arg in node.get("args", ())]
            value = self.value(node, args, given, rows, draw)
            if node["op"] in DECISIONS and len(value) == rows:
                outcomes = value.reshape(self.settings, -1)
                self.flips |= bool((outcomes != outcomes[0]).any())
            if self.jitter is not None and value.dtype.kind == "f":
                value = value * (1.0 + 1e-13 * self.jitter.normal(size=value.shape))
                value = np.where(np.abs(value) < UNDERFLOW, 0.0, value)
            values.append(value)
        outputs = {name: values[id_] for name, id_ in self.outputs.items()}
        return outputs, {name: values[id_] for name, id_ in self.updates.items()}

    def value(
        self, node: dict[str, Any], args: list[Any], given: Mapping[str, Floats], rows: int, draw: Draw | None
    ) -> Any:
        op = node["op"]
        if op in ("input", "state", "param"):
            return given[node["name"]]
        if op == "const":
            return np.array([node["value"]], np.float64)
        if op == "noise":
            assert draw is not None, "a program that draws needs numbers"
            shape = self.dims(node["shape"])
            return draw(int(node["stream"]), int(node["per"]), int(np.prod(shape))).reshape(-1, *shape)
        if op in LIFTED:
            return LIFTED[op](self, node, args, rows)
        row = TABLE[op]
        attrs = {name: bool(node[name]) if name == "keepdims" else node[name] for name in row.attrs}
        return row.eager(*aligned(args), **attrs)


def aligned(args: list[Any]) -> list[Any]:
    """Operands whose features have the same rank, so that NumPy broadcasts rows with rows."""
    rank = max(arg.ndim for arg in args)
    return [arg.reshape(arg.shape[0], *(1,) * (rank - arg.ndim), *arg.shape[1:]) for arg in args]


def whole(value: Floats, rows: int) -> Floats:
    return np.broadcast_to(value, (rows, *value.shape[1:]))


def _matmul(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    matrix, vector = args
    matrix = np.swapaxes(matrix, 1, 2) if node["transpose"] else matrix
    return np.matmul(matrix, vector[..., None])[..., 0]


def _slice(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    return args[0][:, int(node["start"]) : int(node["stop"])]


def _concat(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    return np.concatenate([whole(arg, rows) for arg in args], axis=1)


def _reshape(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    return args[0].reshape(args[0].shape[0], *program.dims(node["shape"]))


def _broadcast(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    shape, value = program.dims(node["shape"]), args[0]
    lifted = value.reshape(value.shape[0], *(1,) * (len(shape) + 1 - value.ndim), *value.shape[1:])
    return np.broadcast_to(lifted, (value.shape[0], *shape))


def _argmax(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Any:
    return np.argmax(args[0], axis=-1)


def _lookup(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    table, ids = args
    return whole(table, rows)[np.arange(rows), np.broadcast_to(ids, rows)]


def _take(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    vector, places = (whole(arg, rows) for arg in args)
    inside = (places >= 0) & (places < vector.shape[1])
    return np.where(inside, np.take_along_axis(vector, np.where(inside, places, 0).astype(int), 1), 0.0)


def _one_hot(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    return np.eye(int(node["size"]))[args[0]]


def _stop_gradient(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    # what is moved does not pass: every setting sees the value of the first
    value = whole(args[0], rows)
    first = value.reshape(program.settings, -1, *value.shape[1:])[:1]
    return np.broadcast_to(first, (program.settings, *first.shape[1:])).reshape(value.shape)


def _dot(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    return np.sum(args[0] * args[1], axis=-1)


def _product(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    a, b = args
    if a.ndim == b.ndim:
        return np.matmul(a, b)
    if a.ndim > b.ndim:
        return np.matmul(a, b[..., None])[..., 0]
    return np.matmul(a[:, None], b)[:, 0]


def _outer(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    return args[0][:, :, None] * args[1][:, None, :]


def _transpose(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    return np.swapaxes(args[0], 1, 2)


def _sum_to(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    return args[0].sum(axis=1, keepdims=True)  # of matrices, to one line: what axis=0 becomes


def _clip_to(program: Program, node: dict[str, Any], args: list[Any], rows: int) -> Floats:
    value, low, high = aligned(args)
    return np.clip(value, low, high)


LIFTED: dict[str, Callable[[Program, dict[str, Any], list[Any], int], Any]] = {
    "matmul": _matmul,
    "product": _product,
    "outer": _outer,
    "transpose": _transpose,
    "sum_to": _sum_to,
    "clip_to": _clip_to,
    "slice": _slice,
    "concat": _concat,
    "reshape": _reshape,
    "broadcast_to": _broadcast,
    "argmax": _argmax,
    "lookup": _lookup,
    "pick": _lookup,
    "one_hot": _one_hot,
    "take_at": _take,
    "dot": _dot,
    "stop_gradient": _stop_gradient,
}


@dataclass
class Unrolled:
    """Outputs by name (T, B, ...), 0 past a row's length; states before each step and after the last."""

    outputs: dict[str, Floats]
    states: list[dict[str, Floats]]


def unroll(
    program: Program,
    params: Mapping[str, Floats],
    x: Floats,
    states: Mapping[str, Floats],
    lengths: NDArray[np.int64],
    draw: Callable[[int], Draw] | None = None,
) -> Unrolled:
    """Runs x (B, T, I) of these lengths. `draw(t)` gives the numbers of a step."""
    rows, steps = x.shape[:2]
    held = {name: whole(value, rows) for name, value in states.items()}
    trail = [held]
    taken: dict[str, list[Floats]] = {name: [] for name in program.outputs}
    for t in range(steps):
        alive = lengths > t
        given = {"x": x[:, t], **held, **params}
        outputs, new = program.step(given, rows, draw and draw(t))
        for name, value in outputs.items():
            taken[name].append(np.where(over(alive, value), whole(value, rows), 0.0))
        held = {name: np.where(over(alive, value), value, held[name]) for name, value in new.items()}
        trail.append(held)
    return Unrolled({name: np.stack(values) for name, values in taken.items() if values}, trail)


def over(mask: NDArray[np.bool_], value: Floats) -> NDArray[np.bool_]:
    """A mask of rows that broadcasts against a value."""
    return mask.reshape(-1, *(1,) * (value.ndim - 1))


# Philox4x32-10, Salmon et al. 2011, and where the numbers of a unit stand in it.

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)


def uniform(seed: int, layer: int, stream: int, step: NDArray[Any], row: NDArray[Any], units: int) -> Floats:
    """Numbers in [0, 1), (rows, units), for a step and a row number each."""
    unit = np.arange(units, dtype=np.uint64)
    block = unit // np.uint64(64) * np.uint64(16) + unit % np.uint64(16)
    shape = (len(row), units)
    low = np.uint64(0xFFFFFFFF)
    c = [
        np.broadcast_to(block, shape),
        np.broadcast_to(np.asarray(row, np.uint64)[:, None], shape),
        np.broadcast_to(np.asarray(step, np.uint64)[:, None], shape),
        np.full(shape, layer << 16 | stream, np.uint64),
    ]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        left, right = MULTIPLIERS[0] * c[0], MULTIPLIERS[1] * c[2]
        shift = np.uint64(32)
        c = [
            (right >> shift) ^ c[1] ^ np.uint64(key[0]),
            right & low,
            (left >> shift) ^ c[3] ^ np.uint64(key[1]),
            left & low,
        ]
        key = [(key[k] + WEYL[k]) & 0xFFFFFFFF for k in range(2)]
    words = np.stack(c)[(unit % np.uint64(64) // np.uint64(16)).astype(int), :, np.arange(units)].T
    return (words >> np.uint64(8)).astype(np.float64) / 2**24
