"""The ops of a step. On NumPy values they compute a result; on traced values they record an operation.

Values belong to one row: one sequence at one time step, so there is no batch or time axis. Each module holds
one family; the table of all of them is `ops.table.TABLE`. May use: dims, errors.

The other operations are operators: `+ - * / // % ** @`, unary `-`, `abs()`, `< <= > >=`, and `v[a:b]` along
the first axis. The operators `< <= > >=` return booleans in eager NumPy code, but 1.0 and 0.0 in a traced
step. To add or negate a comparison, write `ops.less(a, b)` and so on, which return 1.0 and 0.0 in both.
"""

from typing import Any

from ostinato.ops import entries
from ostinato.ops.elementwise import (
    abs,
    clip,
    cos,
    digamma,
    elu,
    erf,
    exp,
    floor,
    gelu,
    hard_sigmoid,
    leaky_relu,
    lgamma,
    log,
    neg,
    reciprocal,
    relu,
    round,
    sigmoid,
    sign,
    silu,
    sin,
    softplus,
    sqrt,
    square,
    stop_gradient,
    tanh,
)
from ostinato.ops.over import column, row, whole
from ostinato.ops.pairs import (
    add,
    div,
    equal,
    floordiv,
    greater,
    greater_equal,
    less,
    less_equal,
    logaddexp,
    maximum,
    minimum,
    mod,
    mul,
    not_equal,
    polygamma,
    pow,
    sub,
    where,
)
from ostinato.ops.products import dot, lookup, matmul, one_hot, outer, pick, take
from ostinato.ops.rows import (
    argmax,
    layer_norm,
    log_softmax,
    logsumexp,
    max,
    mean,
    rms_norm,
    softmax,
    sum,
)
from ostinato.ops.shaping import broadcast_to, concat, reshape, slice, split, transpose
from ostinato.ops.table import TABLE
from ostinato.ops.value import Operand, Value

__all__ = [
    "TABLE",
    "Operand",
    "Value",
    "abs",
    "add",
    "argmax",
    "broadcast_to",
    "clip",
    "column",
    "concat",
    "cos",
    "digamma",
    "div",
    "dot",
    "elu",
    "entries",
    "equal",
    "erf",
    "exp",
    "floor",
    "floordiv",
    "gelu",
    "greater",
    "greater_equal",
    "hard_sigmoid",
    "layer_norm",
    "leaky_relu",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "lookup",
    "matmul",
    "max",
    "maximum",
    "mean",
    "minimum",
    "mod",
    "mul",
    "neg",
    "not_equal",
    "one_hot",
    "outer",
    "pick",
    "polygamma",
    "pow",
    "reciprocal",
    "relu",
    "reshape",
    "rms_norm",
    "round",
    "row",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "slice",
    "softmax",
    "softplus",
    "split",
    "sqrt",
    "square",
    "stop_gradient",
    "sub",
    "sum",
    "take",
    "tanh",
    "transpose",
    "where",
    "whole",
]


def __getattr__(name: str) -> Any:
    """Say what to write instead of an op that does not exist."""
    from ostinato.foreign.names import OPS, no_attribute

    raise no_attribute(__name__, name, __all__, OPS)
