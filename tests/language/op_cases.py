"""One row per op: arguments, and a formula of its result that shares no code with the op."""

import math

import numpy as np

from ostinato import ops

rng = np.random.default_rng(7)
X = np.array([-30.0, -2.5, -1.0, -0.3, 0.0, 0.7, 1.0, 4.0, 30.0])
P = np.array([0.01, 0.5, 1.0, 2.0, 3.5, 10.0, 0.2, 0.9, 7.0])
Q = np.array([4.7, 0.57, 1.3, 2.1, 3.7, 11.0, 0.23, 0.91, 7.3])  # no quotient of X is a whole number but 0
R = np.array([-0.5, -1.3, -2.5, -3.7, -4.4, -5.5, -6.5, -7.25, -0.1])  # between the poles
Y = np.array([1.0, -2.5, 3.0, -0.3, 0.5, -0.7, 1.0, 2.0, -3.0])
W = rng.normal(size=(4, 9))
M = rng.normal(size=(3, 5))
A, B, C, D = (rng.normal(size=size) for size in [(2, 19), (4, 19), (19, 3), (5, 2)])


def each(formula):
    return lambda *xs: np.array(
        [formula(*map(float, row)) for row in zip(*np.broadcast_arrays(*xs), strict=True)]
    )


def rows(formula):
    """Apply to each row of the last axis of a matrix."""
    return lambda x: np.array([formula(list(map(float, row))) for row in x])


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def normal(row, centre):
    mean = math.fsum(row) / len(row) if centre else 0.0
    power = math.fsum((one - mean) ** 2 for one in row) / len(row)
    return [(one - mean) / math.sqrt(power + 1e-5) for one in row]


def logsumexp(row):
    return math.log(math.fsum(math.exp(one) for one in row))


def softmax(row):
    return [math.exp(one - logsumexp(row)) for one in row]


def polygamma(n, x):
    """By its series, with an integral for the terms from 2,000 on."""
    s, far = n + 1, x + 2000.0
    terms = math.fsum((x + k) ** -s for k in range(2000))
    if n == 0:
        return math.log(far) - 0.5 / far - 1 / (12 * far * far) - terms
    rest = far**-n / n + 0.5 * far**-s + s / 12 * far ** (-s - 1)
    return (-1) ** s * math.factorial(int(n)) * (terms + rest)


def columns(formula):
    """Apply to each column of a matrix."""
    return lambda x: rows(formula)(x.T)


def product(a, b):
    """The product of two matrices."""
    return np.array([[math.fsum(p * q for p, q in zip(x, y, strict=True)) for y in b.T] for x in a])


# op name, call, operands, formula
CASES = [
    ("neg", ops.neg, (X,), each(lambda x: 0.0 - x)),
    ("exp", ops.exp, (X,), each(math.exp)),
    ("log", ops.log, (P,), each(math.log)),
    ("sqrt", ops.sqrt, (P,), each(math.sqrt)),
    ("abs", ops.abs, (X,), each(math.fabs)),
    ("sign", ops.sign, (X,), each(lambda x: (x > 0) - (x < 0))),
    ("round", ops.round, (X,), each(lambda x: math.floor(x + 0.5) - (x + 0.5 == 2 * ((x + 0.5) // 2) + 1))),
    ("floor", ops.floor, (X,), each(math.floor)),
    ("floor", ops.floordiv, (X, Q), each(lambda a, b: math.floor(a / b))),
    ("floor", ops.mod, (X, Q), each(lambda a, b: a - math.floor(a / b) * b)),
    ("sigmoid", ops.sigmoid, (X,), each(sigmoid)),
    ("tanh", ops.tanh, (X,), each(math.tanh)),
    ("relu", ops.relu, (X,), each(lambda x: x if x > 0 else 0.0)),
    ("leaky_relu", ops.leaky_relu, (X,), each(lambda x: x if x > 0 else 0.01 * x)),
    ("leaky_relu", lambda x: ops.leaky_relu(x, alpha=0.2), (X,), each(lambda x: x if x > 0 else 0.2 * x)),
    ("elu", ops.elu, (X,), each(lambda x: x if x > 0 else math.expm1(x))),
    ("elu", lambda x: ops.elu(x, 0.5), (X,), each(lambda x: x if x > 0 else 0.5 * math.expm1(x))),
    ("softplus", ops.softplus, (X,), each(lambda x: math.log1p(math.exp(x)))),
    ("silu", ops.silu, (X,), each(lambda x: x * sigmoid(x))),
    ("gelu", ops.gelu, (X,), each(lambda x: x * math.erfc(-x / math.sqrt(2)) / 2)),
    ("erf", ops.erf, (X,), each(math.erf)),
    ("sin", ops.sin, (X,), each(math.sin)),
    ("cos", ops.cos, (X,), each(math.cos)),
    ("lgamma", ops.lgamma, (P,), each(math.lgamma)),
    ("lgamma", ops.lgamma, (R,), each(math.lgamma)),
    ("digamma", ops.digamma, (P,), each(lambda x: polygamma(0, x))),
    ("digamma", ops.digamma, (R,), each(lambda x: polygamma(0, x + 9) - sum(1 / (x + k) for k in range(9)))),
    ("polygamma", lambda x: ops.polygamma(1, x), (P,), each(lambda x: polygamma(1, x))),
    ("polygamma", lambda x: ops.polygamma(3.0, x), (P,), each(lambda x: polygamma(3, x))),
    ("stop_gradient", ops.stop_gradient, (X,), each(float)),
    ("clip", lambda x: ops.clip(x, -1, 0.5), (X,), each(lambda x: min(max(x, -1), 0.5))),
    ("clip", ops.hard_sigmoid, (X,), each(lambda x: min(max(x + 3, 0), 6) / 6)),
    ("add", ops.add, (X, Y), each(lambda a, b: a + b)),
    ("sub", ops.sub, (X, Y), each(lambda a, b: a - b)),
    ("mul", ops.mul, (X, Y), each(lambda a, b: a * b)),
    ("div", ops.div, (X, Y), each(lambda a, b: a / b)),
    ("pow", ops.pow, (P, Y), each(math.pow)),
    ("minimum", ops.minimum, (X, Y), each(min)),
    ("logaddexp", ops.logaddexp, (X, Y), each(lambda a, b: math.log(math.exp(a) + math.exp(b)))),
    ("maximum", ops.maximum, (X, Y), each(max)),
    ("less", ops.less, (X, Y), each(lambda a, b: float(a < b))),
    ("less_equal", ops.less_equal, (X, Y), each(lambda a, b: float(a <= b))),
    ("greater", ops.greater, (X, Y), each(lambda a, b: float(a > b))),
    ("greater_equal", ops.greater_equal, (X, Y), each(lambda a, b: float(a >= b))),
    ("equal", ops.equal, (X, Y), each(lambda a, b: float(a == b))),
    ("not_equal", ops.not_equal, (X, Y), each(lambda a, b: float(a != b))),
    ("where", lambda a, b: ops.where(a > b, a, 0.5), (X, Y), each(lambda a, b: a if a > b else 0.5)),
    ("matmul", ops.matmul, (W, X), lambda w, x: np.array([math.fsum(r * x) for r in w])),
    ("matmul", lambda w, x: w.T @ x, (W.T, X), lambda w, x: np.array([math.fsum(r * x) for r in w.T])),
    ("product", lambda a, x: a @ x, (A, B[0]), lambda a, x: product(a, x[:, None])[:, 0]),
    ("product", lambda x, a: x @ a, (A[0], C), lambda x, a: product(x[None], a)[0]),
    ("product", lambda a, x: a.T @ x, (A, A[:, 0]), lambda a, x: product(a.T, x[:, None])[:, 0]),
    ("product", lambda a, c: a @ c, (A, C), product),
    ("product", lambda a, b: a @ b.T, (A, B), lambda a, b: product(a, b.T)),
    ("product", lambda a, b: a.T @ b.T, (A, D), lambda a, b: product(a.T, b.T)),
    ("product", lambda a, c: (2.0 * a).T.T @ c, (A, C), lambda a, c: 2.0 * product(a, c)),
    ("outer", ops.outer, (X, Y), lambda a, b: np.array([[p * q for q in b] for p in a])),
    ("transpose", ops.transpose, (M,), lambda x: np.array([[row[k] for row in x] for k in range(5)])),
    ("dot", ops.dot, (X, Y), lambda a, b: np.array(math.fsum(a * b))),
    ("lookup", lambda w: ops.lookup(w, 2), (W,), lambda w: w[2]),
    ("pick", lambda x: ops.pick(x, 3), (X,), lambda x: x[3]),
    ("one_hot", lambda: ops.one_hot(2, 4), (), lambda: np.array([0.0, 0, 1, 0])),
    (
        "take",
        lambda x: ops.take(x, np.array([3.0, -1.0, 8.9, 3.0, 9.0, 0.0])),
        (X,),
        lambda x: np.array([x[3], 0.0, x[8], x[3], 0.0, x[0]]),
    ),
    ("slice", lambda x: x[2:5], (X,), lambda x: np.array([x[2], x[3], x[4]])),
    ("slice", lambda x: ops.slice(x, 0, 4), (W,), lambda x: x),
    ("slice", lambda x: ops.split(x, 3)[1], (X,), lambda x: np.array([x[3], x[4], x[5]])),
    ("slice", lambda x: ops.split(x, [2, 7])[1], (X,), lambda x: x[2:]),
    ("concat", ops.concat, (X, Y, P), lambda *xs: np.array([one for x in xs for one in x])),
    ("concat", lambda x, y: ops.concat([x, y]), (X, Y), lambda *xs: np.array([one for x in xs for one in x])),
    ("concat", lambda x, y: ops.concat(ops.sum(x), y), (X, Y), lambda x, y: np.array([sum(x), *y])),
    ("broadcast_to", lambda x: ops.broadcast_to(x, (2, 9)), (X,), lambda x: np.array([x, x])),
    ("reshape", lambda x: ops.reshape(x, (3, 3)), (X,), lambda x: np.array([x[:3], x[3:6], x[6:]])),
    ("reshape", lambda x: ops.reshape(x, (-1, 9)), (X,), lambda x: np.array([x])),
    ("sum", ops.sum, (M,), rows(math.fsum)),
    ("sum", lambda x: ops.sum(x, keepdims=True), (M,), rows(lambda row: [math.fsum(row)])),
    ("mean", ops.mean, (M,), rows(lambda row: math.fsum(row) / 5)),
    ("max", ops.max, (M,), rows(max)),
    ("logsumexp", ops.logsumexp, (M,), rows(logsumexp)),
    ("logsumexp", lambda x: ops.logsumexp(x, keepdims=True), (M,), rows(lambda row: [logsumexp(row)])),
    ("sum_first", lambda x: ops.sum(x, axis=0), (M,), columns(math.fsum)),
    ("sum_first", lambda x: ops.sum(x, True, axis=-2), (M,), lambda x: columns(math.fsum)(x)[None]),
    ("sum", lambda x: ops.sum(x, axis=1), (M,), rows(math.fsum)),
    ("mean", lambda x: ops.mean(x, axis=0), (M,), columns(lambda row: math.fsum(row) / 3)),
    ("max", lambda x: ops.max(x, axis=0), (M,), columns(max)),
    ("logsumexp", lambda x: ops.logsumexp(x, axis=0), (M,), columns(logsumexp)),
    ("logsumexp", lambda x: ops.logsumexp(x, True, axis=0), (M,), lambda x: columns(logsumexp)(x)[None]),
    ("softmax", lambda x: ops.softmax(x, axis=0), (M,), lambda x: rows(softmax)(x.T).T),
    ("log_softmax", lambda x: ops.log_softmax(x, axis=0), (M,), lambda x: np.log(rows(softmax)(x.T).T)),
    ("argmax", ops.argmax, (Y,), lambda x: max(range(9), key=lambda i: x[i])),
    ("softmax", ops.softmax, (M,), rows(lambda row: [math.exp(one - logsumexp(row)) for one in row])),
    ("log_softmax", ops.log_softmax, (M,), rows(lambda row: [one - logsumexp(row) for one in row])),
    ("layer_norm", ops.layer_norm, (M,), rows(lambda row: normal(row, True))),
    ("rms_norm", ops.rms_norm, (M,), rows(lambda row: normal(row, False))),
]  # fmt: skip
