"""The table of built-in cells: name, options, and a formula of one step that shares no code with the cell.

Every test of cells goes through it (eager, traced, in the engine, gradients, bits, instruction sets): a new
cell is one line here.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def affine(w, x, p, bias):
    return w @ x + p.get(bias, 0.0)


def of_h(formula):
    """A cell whose one state h is its output."""

    def step(x, h, c, p):
        h = formula(x, h, p)
        return h, h, c

    return step


def rnn(f):
    return of_h(
        lambda x, h, p: f(affine(p["weight_ih"], x, p, "bias_ih") + affine(p["weight_hh"], h, p, "bias_hh"))
    )


def lstm(x, h, c, p):
    a = affine(p["weight_ih"], x, p, "bias_ih") + affine(p["weight_hh"], h, p, "bias_hh")
    i, f, g, o = a[:3], a[3:6], a[6:9], a[9:]
    new = sigmoid(f + p.get("peephole_f", 0) * c) * c + sigmoid(i + p.get("peephole_i", 0) * c) * np.tanh(g)
    h = sigmoid(o + p.get("peephole_o", 0) * new) * np.tanh(new)
    if "weight_hr" in p:
        h = p["weight_hr"] @ h
    return h, h, new


def gru_after(x, h, c, p):
    a, u = affine(p["weight_ih"], x, p, "bias_ih"), affine(p["weight_hh"], h, p, "bias_hh")
    r, z = sigmoid(a[:3] + u[:3]), sigmoid(a[3:6] + u[3:6])
    n = np.tanh(a[6:] + r * u[6:])
    return n + z * (h - n), n + z * (h - n), c


def gru_before(x, h, c, p):
    a = affine(p["weight_ih"], x, p, "bias_ih") + p.get("bias_hh", 0.0)
    w = p["weight_hh"]
    r, z = sigmoid(a[:3] + w[:3] @ h), sigmoid(a[3:6] + w[3:6] @ h)
    n = np.tanh(a[6:] + w[6:] @ (r * h))
    return n + z * (h - n), n + z * (h - n), c


def min_gru(x, h, p):
    a = affine(p["weight_ih"], x, p, "bias_ih")
    z = sigmoid(a[:3])
    return h + z * (a[3:] - h)


def crf_scores(x, p):
    return np.concatenate([p["weight"] @ x + p["bias"], p["transitions"].ravel()])


def echo_state(leak):
    return lambda x, h, p: (
        (1 - leak) * h + leak * np.tanh(p["weight_ih"] @ x + p["weight_hh"] @ h + p["bias"])
    )


def min_lstm(x, h, p):
    a = affine(p["weight_ih"], x, p, "bias_ih")
    f, i = sigmoid(a[:3]), sigmoid(a[3:6])
    return (f * h + i * a[6:]) / (f + i)


def linear_ssm(x, h, c, p):
    h = p["weight_hh"] @ h + p["weight_ih"] @ x
    return p["weight_ho"] @ h + p["weight_io"] @ x, h, c


def diagonal_ssm(x, re, im, p):
    # complex numbers, where the cell computes on pairs
    pole = np.exp(-np.exp(p["nu_log"]) + 1j * np.exp(p["theta_log"]))
    b = p["weight_ih"][: len(pole)] + 1j * p["weight_ih"][len(pole) :]
    h = pole * (re + 1j * im) + np.sqrt(1 - abs(pole) ** 2) * (b @ x)
    y = ((p["weight_re"] - 1j * p["weight_im"]) @ h).real
    return y + p["weight_io"] @ x, h.real, h.imag


# cell, options, formula (x, first state, second state, params) -> output and both states
CASES = [
    ("rnn", {}, rnn(np.tanh)),
    ("rnn", {"nonlinearity": "relu"}, rnn(lambda x: np.maximum(x, 0))),
    ("rnn", {"nonlinearity": "sigmoid"}, rnn(sigmoid)),
    ("rnn", {"nonlinearity": "identity"}, rnn(lambda x: x)),
    ("rnn", {"bias": False}, rnn(np.tanh)),
    ("lstm", {}, lstm),
    ("lstm", {"bias": False}, lstm),
    ("lstm", {"peepholes": True}, lstm),
    ("lstm", {"proj_size": 2}, lstm),
    ("lstm", {"proj_size": 2, "peepholes": True, "bias": False}, lstm),
    ("gru", {}, gru_after),
    ("gru", {"bias": False}, gru_after),
    ("gru", {"reset": "before"}, gru_before),
    ("gru", {"reset": "before", "bias": False}, gru_before),
    ("indrnn", {}, of_h(lambda x, h, p: np.maximum(p["weight_ih"] @ x + p["weight_hh"] * h + p["bias"], 0))),
    ("echo_state", {}, of_h(echo_state(1.0))),
    ("echo_state", {"leak": 0.3, "spectral_radius": 1.2, "input_scale": 0.5}, of_h(echo_state(0.3))),
    ("crf_scores", {}, lambda x, h, c, p: (crf_scores(x, p), h, c)),
    ("min_gru", {}, of_h(min_gru)),
    ("min_gru", {"bias": False}, of_h(min_gru)),
    ("min_lstm", {}, of_h(min_lstm)),
    ("min_lstm", {"bias": False}, of_h(min_lstm)),
    ("linear_ssm", {}, linear_ssm),
    ("diagonal_ssm", {}, diagonal_ssm),
    ("diagonal_ssm", {"modes": 5}, diagonal_ssm),
]
