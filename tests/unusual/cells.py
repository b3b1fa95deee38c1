"""Cells that no paper has: every way in which inputs, states, parameters and results can be one another.

A row is a step on x (3,), states s and parameters p, with the shapes of its states and parameters.
"""

import numpy as np

from ostinato import Cell, Param, State, ops

I, H = 3, 4  # noqa: E741  width of the input and of a state
W, U, B = {"W": (H, I)}, {"U": (H, H)}, {"b": (H,)}
h, hc = {"h": (H,)}, {"h": (H,), "c": (H,)}


def plain(p, x, s):
    return ops.tanh(p.W @ x + p.U @ s.h + p.b)


def twice(u):
    return u, {"h": u, "c": u}


def dead_sum(x, s, p):
    z = p.W @ x + p.U @ s.h
    _ = z + 1.0  # not used: it must not change how z is computed
    u = ops.tanh(z)
    return u, {"h": u}


def from_input_alone(x, s, p):
    u = p.W @ x
    return s.h + s.c, {"h": u, "c": ops.tanh(u)}


def old_state_out(x, s, p):
    return s.h, {"h": ops.tanh(p.W @ x + s.h), "c": s.h}


def joined_state(x, s, p):
    a, b = ops.split(s.h, 2)
    new = ops.tanh(p.V @ a + x[0])
    return new, {"h": ops.concat(new, new * b + 1.0)}


def part_of_an_update(x, s, p):
    u = s.h * 0.5 + x[0]
    return u[0:1], {"h": u, "g": u[1:3]}


def fast_weights(x, s, p):
    k = ops.softmax(p.W @ x)
    m = s.m * 0.9 + ops.reshape(k, (H, 1)) * ops.reshape(x, (1, I))
    parts = (ops.sum(ops.softmax(m)), ops.max(m), ops.mean(m), ops.logsumexp(m))
    return ops.concat(*parts), {"m": ops.layer_norm(m)}


def weight_norm(x, s, p):
    unit = p.U / ops.sqrt(ops.sum(p.U * p.U, keepdims=True))
    u = ops.tanh(unit @ s.h + x[1])
    return u * ops.softmax(p.b), {"h": u}


def split_matrix(x, s, p):
    first, second = ops.split(p.V, 2)
    u = ops.tanh(first @ s.h + second @ s.h + x[0])
    return u, {"h": u}


def shared_sums(x, s, p):
    a, b = p.W @ x, p.U @ s.h
    t = a + b
    q, r = t + p.b, p.b + a
    return q * r, {"h": ops.tanh(q + r + t)}


def products_of_products(x, s, p):
    a = p.U @ (p.U @ (p.U @ s.h + p.W @ x))
    return a, {"h": ops.tanh(a)}


def head_after_the_loop(x, s, p):
    u = ops.tanh(p.W @ x + s.h)
    return p.U @ s.h + p.U @ u, {"h": u}


def by_position(x, s, p):
    e = ops.lookup(p.U, ops.argmax(ops.concat(x, s.h[0:1])))
    return e + s.h, {"h": ops.tanh(e + s.h * x[0])}


def nested_joins(x, s, p):
    a, b = ops.tanh(s.h[0:2]), ops.tanh(s.h[2:4] * x[0])
    inner = ops.concat(a, b)
    return ops.concat(ops.concat(inner, x), a)[1:8], {"h": inner * p.b}


def overlapping_parts(x, s, p):
    u = s.h * p.b
    return u[0:3] * u[1:4] + ops.concat(u[3:4], u[0:2]), {"h": ops.tanh(u)}


def spread(x, s, p):
    m = ops.reshape(x, (I, 1)) * ops.broadcast_to(s.h, (I, H))
    return ops.reshape(m, (I * H,)), {"h": ops.tanh(ops.sum(ops.reshape(m, (H, I)))) * p.b}


def numbers(x, s, p):
    n = s.n * 0.5 + ops.sum(x)
    return x * n, {"n": n}


def power_zero(x, s, p):
    u = s.h * p.b + x[0] * ops.relu(x[1]) ** 0.0
    return u, {"h": ops.tanh(u)}


def scan_then_loop(x, s, p):
    slow = 0.9 * s.c + p.W @ x
    return slow, {"h": ops.tanh(p.U @ s.h + slow), "c": slow}


def loop_then_scan(x, s, p):
    u = ops.tanh(p.W @ x + p.U @ s.h)
    mean = s.c + p.b * (u - s.c)
    return mean - s.c, {"h": u, "c": mean}


def scan_amidst_loops(x, s, p):
    u = ops.tanh(p.W @ x + s.h)
    mean = 0.5 * s.c + u
    return mean, {"h": u, "c": mean, "g": ops.tanh(s.g + mean)}


def scans_in_a_row(x, s, p):
    first = s.h * p.b + x[0]
    second = s.c * ops.sigmoid(first) - s.h
    return second * s.c, {"h": first, "c": second}


def turning(x, s, p):
    a, b = ops.cos(p.W @ x), ops.sin(p.W @ x)
    return s.h - s.c, {"h": a * s.h - b * s.c, "c": b * s.h + a * s.c + x[1]}


def held_where(x, s, p):
    keep = ops.where(x[0] > 0, s.h, 0.5 * s.h + x[1])
    return keep * s.h, {"h": ops.where(p.W @ x > 0.5, -keep, keep / (1.5 + x[2] * p.b))}


def counted(x, s, p):
    u = s.h + x[0]
    return u * s.h, {"h": u}


def scan_and_its_past(x, s, p):
    # the old value of a scanned state is the next one of another, which nothing else claims
    u = s.h + p.W @ x
    return ops.tanh(u - s.c), {"h": u, "c": s.h}


def shifted(x, s, p):
    # read through one sum alone, forwards
    u = s.h + p.W @ x
    return u * u, {"h": p.b * u}


def joined_scans(x, s, p):
    a, b = 0.5 * s.h + x[0], p.b * s.c - s.h
    return ops.concat(a, s.c, b)[1:9], {"h": a, "c": b}


def matrix_scan(x, s, p):
    m = s.m * 0.9 + ops.reshape(p.W @ x, (H, 1)) * ops.reshape(x, (1, I))
    return ops.reshape(m, (H * I,)), {"m": m}


def three_linear(x, s, p):
    return s.h, {"h": 0.5 * s.c + x[0], "c": 0.5 * s.g, "g": 0.5 * s.h - p.b * s.g}


# name, states, parameters, step
ROWS = [
    ("dead_sum", h, W | U, dead_sum),
    ("state_is_the_input", {"h": (I,)}, {}, lambda x, s, p: (s.h, {"h": x})),
    ("input_out", {"h": (I,)}, {}, lambda x, s, p: (x, {"h": x})),
    ("state_unchanged", h, {}, lambda x, s, p: (s.h, {"h": s.h})),
    ("states_swapped", hc, B, lambda x, s, p: (s.h * p.b, {"h": s.c, "c": s.h})),
    ("three_rotate", {"a": (H,), "b": (H,), "c": (H,)}, {}, lambda x, s, p: (
        s.a + x[0], {"a": s.b, "b": s.c, "c": s.a})),
    ("two_states_one_update", hc, W | U | B, lambda x, s, p: twice(plain(p, x, s))),
    ("parameter_out", h, W | B, lambda x, s, p: (p.b, {"h": ops.tanh(p.W @ x + s.h)})),
    ("parameter_kept", h, B, lambda x, s, p: (s.h * x[0], {"h": p.b})),
    ("folded_update", h, B, lambda x, s, p: (ops.tanh(p.b), {"h": ops.exp(p.b) * p.b[0]})),
    ("from_input_alone", hc, W, from_input_alone),
    ("old_state_out", hc, W, old_state_out),
    ("input_unused", h, U, lambda x, s, p: (p.U @ s.h, {"h": ops.tanh(p.U @ s.h)})),
    ("joined_state", {"h": (2 * H,)}, {"V": (H, H)}, joined_state),
    ("part_of_an_update", {"h": (H,), "g": (2,)}, {}, part_of_an_update),
    ("part_of_the_input", {"h": (2,)}, {}, lambda x, s, p: (s.h, {"h": x[1:3]})),
    ("fast_weights", {"m": (H, I)}, W, fast_weights),
    ("a_number", {"n": ()}, {}, numbers),
    ("weight_norm", h, U | B, weight_norm),
    ("split_matrix", h, {"V": (2 * H, H)}, split_matrix),
    ("transposed", h, U, lambda x, s, p: (x[1] + p.U.T @ s.h, {"h": ops.tanh(p.U.T @ s.h + p.U @ s.h)})),
    ("folded_product", h, U | B, lambda x, s, p: (p.U @ p.b + x[0], {"h": (p.U @ ops.tanh(p.b)) * s.h})),
    ("shared_sums", h, W | U | B, shared_sums),
    ("products_of_products", h, W | U, products_of_products),
    ("product_out_and_kept", h, U, lambda x, s, p: (p.U @ s.h, {"h": p.U @ s.h})),
    ("starts_from_a_state", h, U, lambda x, s, p: (s.h, {"h": 0.1 * s.h + p.U @ ops.tanh(s.h)})),
    ("head_after_the_loop", h, W | U, head_after_the_loop),
    ("by_position", h, U, by_position),
    ("nested_joins", h, B, nested_joins),
    ("overlapping_parts", h, B, overlapping_parts),
    ("scan_then_loop", hc, W | U, scan_then_loop),
    ("loop_then_scan", hc, W | U | B, loop_then_scan),
    ("scan_amidst_loops", {**hc, "g": (H,)}, W, scan_amidst_loops),
    ("scans_in_a_row", hc, B, scans_in_a_row),
    ("turning", hc, W, turning),
    ("held_where", h, W | B, held_where),
    ("counted", h, {}, counted),
    ("scan_and_its_past", hc, W, scan_and_its_past),
    ("past_of_a_scan", h, W, lambda x, s, p: (s.h, {"h": s.h + p.W @ x})),
    ("past_before_its_scan", hc, B, lambda x, s, p: (s.c * s.h, {"h": s.c, "c": p.b * s.c + x[0]})),
    ("shifted", h, W | B, shifted),
    ("joined_scans", hc, B, joined_scans),
    ("matrix_scan", {"m": (H, I)}, W, matrix_scan),
    ("three_linear", {**hc, "g": (H,)}, B, three_linear),
    ("linear_twice", hc, B, lambda x, s, p: twice(p.b * s.h + x[0])),
    ("linear_swap", hc, B, lambda x, s, p: (s.h, {"h": s.c, "c": p.b * s.h + x[0]})),
    ("spread", h, B, spread),
    ("power_zero", h, B, power_zero),
    ("no_state", {}, {}, lambda x, s, p: (ops.tanh(x) * 2.0, {})),
    ("nothing_at_all", {}, {}, lambda x, s, p: (x, {})),
    ("parameter_alone", {}, B, lambda x, s, p: (p.b, {})),
]  # fmt: skip


def make(name, states, params, step):
    """A row as a cell."""

    class Unusual(Cell):
        def parameters(self, size):
            return {key: Param(shape, init="zeros") for key, shape in params.items()}

        def state(self, size):
            return {key: State(shape) for key, shape in states.items()}

        def step(self, x, state, p):
            return step(x, state, p)

    Unusual.name = name
    return Unusual


def values(net, seed=0):
    """Parameters that neither saturate nor vanish, so that every path carries a gradient."""
    rng = np.random.default_rng(seed)
    for view in net.parameters().values():
        view[...] = rng.uniform(0.2, 0.7, view.shape) * rng.choice([-1, 1], view.shape)
    return {name.removesuffix("_l0"): view for name, view in net.parameters().items()}
