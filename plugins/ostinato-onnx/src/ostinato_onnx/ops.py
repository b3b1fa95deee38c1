"""The ONNX expression of each op of the step language: one row of `TABLE` each.

ONNX Runtime has kernels for both float types of what stands here; `special.py` and `gamma.py` compose others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ostinato_onnx import gamma, special
from ostinato_onnx.context import Context, Expression
from ostinato_onnx.emitter import INT64
from ostinato_onnx.entries import ENTRIES
from ostinato_onnx.value import Value, aligned, aligned_truth, joined

Node = Mapping[str, Any]


def _unary(kind: str) -> Expression:
    return lambda c, node, args: c.like(args[0], kind)


def _binary(kind: str) -> Expression:
    return lambda c, node, args: c.elementwise(kind, args)


def _comparison(kind: str, negated: bool = False) -> Expression:
    def make(c: Context, node: Node, args: list[Value]) -> Value:
        value = c.elementwise(kind, args)
        truth = c.g.op("Not", value.name) if negated else value.name
        return replace(value, name=c.g.op("Cast", truth, to=c.g.float_type), truth=truth)

    return make


def _where(c: Context, node: Node, args: list[Value]) -> Value:
    lead, entries = joined(args)
    shape = np.broadcast_shapes(*(one.shape for one in args))
    condition = aligned_truth(c.g, args[0], lead, len(shape))
    a, b = (aligned(c.g, one, lead, len(shape)) for one in args[1:])
    return Value(c.g.op("Where", condition, a, b), lead, shape, entries)


def _positive(c: Context, x: Value, otherwise: Value) -> Value:
    """The value x where it is positive, else another one."""
    truth = c.elementwise("Greater", [x, c.number(0.0)])
    return _where(c, {}, [replace(truth, truth=truth.name), x, otherwise])


def _leaky_relu(c: Context, node: Node, args: list[Value]) -> Value:
    return _positive(c, args[0], c.elementwise("Mul", [args[0], c.number(node.get("alpha", 0.01))]))


def _elu(c: Context, node: Node, args: list[Value]) -> Value:
    low = c.elementwise("Min", [args[0], c.number(0.0)])
    # e^x - 1 = 2 t / (1 - t) with t = tanh(x / 2), without loss near 0
    half = c.like(c.elementwise("Mul", [low, c.number(0.5)]), "Tanh")
    twice = c.elementwise("Mul", [half, c.number(2.0)])
    bent = c.elementwise("Div", [twice, c.elementwise("Sub", [c.number(1.0), half])])
    return _positive(c, args[0], c.elementwise("Mul", [bent, c.number(node.get("alpha", 1.0))]))


def _log1p_exp(c: Context, x: Value) -> Value:
    """log(1 + e^x) for x <= 0."""
    return c.like(c.elementwise("Add", [c.like(x, "Exp"), c.number(1.0)]), "Log")


def _softplus(c: Context, node: Node, args: list[Value]) -> Value:
    size = c.like(c.like(args[0], "Abs"), "Neg")
    return c.elementwise("Add", [c.elementwise("Max", [args[0], c.number(0.0)]), _log1p_exp(c, size)])


def _sigmoid(c: Context, node: Node, args: list[Value]) -> Value:
    made = c.like(args[0], "Sigmoid")
    c.logits[made.name] = args[0]
    return made


def _log(c: Context, node: Node, args: list[Value]) -> Value:
    # ONNX Runtime's float32 sigmoid has few right digits below -10, so its logarithm is composed
    logit = c.logits.get(args[0].name)
    if logit is None:
        return c.like(args[0], "Log")
    return c.like(_softplus(c, node, [c.like(logit, "Neg")]), "Neg")


def _logaddexp(c: Context, node: Node, args: list[Value]) -> Value:
    peak = c.elementwise("Max", args)
    gap = c.like(c.like(c.elementwise("Sub", args), "Abs"), "Neg")
    bent = c.elementwise("Add", [peak, _log1p_exp(c, gap)])
    # equal infinities have no difference
    same = c.elementwise("Equal", args)
    twice = c.elementwise("Add", [peak, c.number(float(np.log(2.0)))])
    return _where(c, {}, [replace(same, truth=same.name), twice, bent])


def _silu(c: Context, node: Node, args: list[Value]) -> Value:
    return c.elementwise("Mul", [args[0], c.like(args[0], "Sigmoid")])


def _gelu(c: Context, node: Node, args: list[Value]) -> Value:
    scaled = c.elementwise("Mul", [args[0], c.number(float(np.sqrt(0.5)))])
    share = c.elementwise("Add", [special.erf(c, {}, [scaled]), c.number(1.0)])
    return c.elementwise("Mul", [c.elementwise("Mul", [args[0], c.number(0.5)]), share])


def _same(c: Context, node: Node, args: list[Value]) -> Value:
    return args[0]


def _clip(c: Context, node: Node, args: list[Value]) -> Value:
    low, high = args[1:] if len(args) == 3 else (c.number(float(node[k])) for k in ("low", "high"))
    return c.elementwise("Min", [c.elementwise("Max", [args[0], low]), high])


def _mul_add(c: Context, node: Node, args: list[Value]) -> Value:
    return c.elementwise("Add", [c.elementwise("Mul", args[:2]), args[2]])


# products


def _led(c: Context, args: list[Value]) -> tuple[list[str], str, str | None]:
    """The arrays of `args` with leading axes that broadcast, each with its own feature."""
    lead, entries = joined(args)
    return [aligned(c.g, one, lead, len(one.shape)) for one in args], lead, entries


def _matmul(c: Context, node: Node, args: list[Value]) -> Value:
    matrix, vector = args
    flipped = bool(node.get("transpose", 0.0))
    if matrix.lead:  # a matrix of values
        turned = transposed(c, matrix) if flipped else matrix
        return _product(c, node, [turned, vector])
    weights = matrix.name if flipped else c.g.op("Transpose", matrix.name, perm=[1, 0])
    shape = (*vector.shape[:-1], matrix.shape[1 if flipped else 0])
    return replace(vector, name=c.g.op("MatMul", vector.name, weights), shape=shape, truth=None)


def _product(c: Context, node: Node, args: list[Value]) -> Value:
    a, b = args
    (left, right), lead, entries = _led(c, args)
    first = c.g.op("Unsqueeze", left, c.g.ints(-2)) if len(a.shape) == 1 else left
    second = c.g.op("Unsqueeze", right, c.g.ints(-1)) if len(b.shape) == 1 else right
    name = c.g.op("MatMul", first, second)
    if len(a.shape) == 1:
        name = c.g.op("Squeeze", name, c.g.ints(-2))
    if len(b.shape) == 1:
        name = c.g.op("Squeeze", name, c.g.ints(-1))
    return Value(name, lead, (*a.shape[:-1], *b.shape[1:]), entries)


def _outer(c: Context, node: Node, args: list[Value]) -> Value:
    (a, b), lead, entries = _led(c, args)
    name = c.g.op("Mul", c.g.op("Unsqueeze", a, c.g.ints(-1)), c.g.op("Unsqueeze", b, c.g.ints(-2)))
    return Value(name, lead, (args[0].shape[0], args[1].shape[0]), entries)


def _dot(c: Context, node: Node, args: list[Value]) -> Value:
    return c.reduce("ReduceSum", c.elementwise("Mul", args), False)


def transposed(c: Context, value: Value) -> Value:
    """The transpose of a matrix."""
    lead = len(value.lead)
    name = c.g.op("Transpose", value.name, perm=[*range(lead), lead + 1, lead])
    return replace(value, name=name, shape=value.shape[::-1], truth=None)


# shapes


def _part(c: Context, value: Value, axis: int, start: int, stop: int) -> Value:
    g = c.g
    name = g.op("Slice", value.name, g.ints(start), g.ints(stop), g.ints(axis - len(value.shape)))
    shape = list(value.shape)
    shape[axis] = stop - start
    return replace(value, name=name, shape=tuple(shape), truth=None)


def _slice(c: Context, node: Node, args: list[Value]) -> Value:
    return _part(c, args[0], 0, int(node["start"]), int(node["stop"]))


def _columns(c: Context, node: Node, args: list[Value]) -> Value:
    return _part(c, args[0], 1, int(node["start"]), int(node["stop"]))


def _concat(c: Context, node: Node, args: list[Value]) -> Value:
    lead, entries = joined(args)
    axis = -1 if node["op"] == "join_columns" else -max(1, *(len(one.shape) for one in args))
    parts = [
        one if one.shape else reshaped(c, c.full(one, lead, entries), (1,))
        for one in args
    ]  # fmt: skip
    names = [c.full(one, lead, entries).name for one in parts]
    shape = list(parts[0].shape)
    shape[axis] = sum(one.shape[axis] for one in parts)
    return Value(c.g.op("Concat", *names, axis=axis), lead, tuple(shape), entries)


def reshaped(c: Context, value: Value, shape: tuple[int, ...]) -> Value:
    """The same elements as another shape."""
    # a size 0 is copied from the operand
    name = c.g.op("Reshape", value.name, c.g.ints(*[0] * len(value.lead), *shape))
    return replace(value, name=name, shape=shape, truth=None)


def _reshape(c: Context, node: Node, args: list[Value]) -> Value:
    return reshaped(c, args[0], c.shape(node["shape"]))


def _broadcast_to(c: Context, node: Node, args: list[Value]) -> Value:
    shape = c.shape(node["shape"])
    if shape == args[0].shape:
        return args[0]
    name = c.g.op("Expand", aligned(c.g, args[0], args[0].lead, len(shape)), c.g.ints(*shape))
    return replace(args[0], name=name, shape=shape, truth=None)


def _sum_to(c: Context, node: Node, args: list[Value]) -> Value:
    value, shape = args[0], c.shape(node["shape"])
    extra = len(value.shape) - len(shape)
    over = [k - len(value.shape) for k, n in enumerate(value.shape) if k < extra or shape[k - extra] != n]
    if not over:
        return value
    name = c.g.op("ReduceSum", value.name, c.g.ints(*over), keepdims=1)
    kept = tuple(1 if k - len(value.shape) in over else n for k, n in enumerate(value.shape))
    return reshaped(c, replace(value, name=name, shape=kept, truth=None), shape)


def _transpose(c: Context, node: Node, args: list[Value]) -> Value:
    return transposed(c, args[0])


def _sum_first(c: Context, node: Node, args: list[Value]) -> Value:
    return c.reduce("ReduceSum", transposed(c, args[0]), False)


# along the last axis


def _reduction(kind: str) -> Expression:
    return lambda c, node, args: c.reduce(kind, args[0], bool(node.get("keepdims", 0.0)))


def _logsumexp(c: Context, node: Node, args: list[Value]) -> Value:
    x = args[0]
    peak = special.finite(c, c.reduce("ReduceMax", x, True))
    total = c.reduce("ReduceSum", c.like(c.elementwise("Sub", [x, peak]), "Exp"), True)
    result = c.elementwise("Add", [c.like(total, "Log"), peak])
    return result if node.get("keepdims", 0.0) else reshaped(c, result, x.shape[:-1])


def _along(kind: str) -> Expression:
    return lambda c, node, args: c.like(args[0], kind, axis=-1)


def _norm(c: Context, centred: Value, eps: float) -> Value:
    square = c.reduce("ReduceMean", c.elementwise("Mul", [centred, centred]), True)
    return c.elementwise("Div", [centred, c.like(c.elementwise("Add", [square, c.number(eps)]), "Sqrt")])


def _layer_norm(c: Context, node: Node, args: list[Value]) -> Value:
    mean = c.reduce("ReduceMean", args[0], True)
    return _norm(c, c.elementwise("Sub", [args[0], mean]), node.get("eps", 1e-5))


def _rms_norm(c: Context, node: Node, args: list[Value]) -> Value:
    return _norm(c, args[0], node.get("eps", 1e-5))


def _argmax(c: Context, node: Node, args: list[Value]) -> Value:
    name = c.g.op("ArgMax", args[0].name, axis=-1, keepdims=0)
    return replace(args[0], name=name, shape=(), is_id=True, truth=None)


# ids and places


def _hot(c: Context, ids: Value, size: int) -> Value:
    """For each id, a boolean for each number below `size`: shape (*ids.shape, size)."""
    name = c.g.op("Unsqueeze", ids.name, c.g.ints(-1))
    hot = c.g.op("Equal", name, c.g.constant(np.arange(size), "int64"))
    return replace(ids, name=hot, shape=(*ids.shape, size), is_id=False, truth=hot)


def _lookup(c: Context, node: Node, args: list[Value]) -> Value:
    name = c.g.op("Gather", args[0].name, args[1].name, axis=0)
    return replace(args[1], name=name, shape=(args[0].shape[1],), is_id=False)


def _one_hot(c: Context, node: Node, args: list[Value]) -> Value:
    hot = _hot(c, args[0], int(node["size"]))
    return replace(hot, name=c.g.op("Cast", hot.name, to=c.g.float_type))


def _pick(c: Context, node: Node, args: list[Value]) -> Value:
    # not a sum of products: 0 * inf is NaN
    hot = _hot(c, args[1], args[0].shape[0])
    return c.reduce("ReduceSum", _where(c, node, [hot, args[0], c.number(0.0)]), False)


def _take(c: Context, node: Node, args: list[Value]) -> Value:
    # the largest int64 would be out of the range of a float; beyond the ends all places are alike
    size = args[0].shape[0]
    near = c.elementwise("Min", [c.elementwise("Max", [args[1], c.number(-1.0)]), c.number(float(size))])
    places = replace(near, name=c.g.op("Cast", c.g.op("Floor", near.name), to=INT64))
    return c.reduce("ReduceSum", _where(c, node, [_hot(c, places, size), args[0], c.number(0.0)]), False)


def _const(c: Context, node: Node, args: list[Value]) -> Value:
    return c.number(float(node["value"]))


TABLE: dict[str, Expression] = {
    "const": _const,
    "neg": _unary("Neg"),
    "exp": _unary("Exp"),
    "log": _log,
    "sqrt": _unary("Sqrt"),
    "abs": _unary("Abs"),
    "sign": _unary("Sign"),
    "round": _unary("Round"),
    "floor": _unary("Floor"),
    "sigmoid": _sigmoid,
    "tanh": _unary("Tanh"),
    "relu": _unary("Relu"),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "softplus": _softplus,
    "silu": _silu,
    "gelu": _gelu,
    "erf": special.erf,
    "sin": _unary("Sin"),
    "cos": _unary("Cos"),
    "lgamma": gamma.lgamma,
    "digamma": gamma.digamma,
    "stop_gradient": _same,
    "clip": _clip,
    "clip_to": _clip,
    "add": _binary("Add"),
    "sub": _binary("Sub"),
    "mul": _binary("Mul"),
    "div": _binary("Div"),
    "pow": _binary("Pow"),
    "minimum": _binary("Min"),
    "maximum": _binary("Max"),
    "logaddexp": _logaddexp,
    "polygamma": gamma.polygamma,
    "less": _comparison("Less"),
    "less_equal": _comparison("LessOrEqual"),
    "greater": _comparison("Greater"),
    "greater_equal": _comparison("GreaterOrEqual"),
    "equal": _comparison("Equal"),
    "not_equal": _comparison("Equal", negated=True),
    "where": _where,
    "mul_add": _mul_add,
    "matmul": _matmul,
    "matmul_lines": _matmul,
    "product": _product,
    "outer": _outer,
    "transpose": _transpose,
    "sum_first": _sum_first,
    "dot": _dot,
    "lookup": _lookup,
    "pick": _pick,
    "one_hot": _one_hot,
    "take": _take,
    "take_at": _take,
    "slice": _slice,
    "concat": _concat,
    "columns": _columns,
    "join_columns": _concat,
    "reshape": _reshape,
    "copy": _same,
    "broadcast_to": _broadcast_to,
    "sum_to": _sum_to,
    "sum": _reduction("ReduceSum"),
    "mean": _reduction("ReduceMean"),
    "max": _reduction("ReduceMax"),
    "logsumexp": _logsumexp,
    "argmax": _argmax,
    "softmax": _along("Softmax"),
    "log_softmax": _along("LogSoftmax"),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    **ENTRIES,
}
