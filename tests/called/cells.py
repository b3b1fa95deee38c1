"""One recurrence three times: in equations, in NumPy for one row, in NumPy for many rows."""

import numpy as np

from ostinato import Cell, Param, State, ops


class Equations(Cell):
    """h' = tanh(W x + U h + b), c' = 0.9 c + h', output h' + c'."""

    def parameters(self, size):
        return {
            "W": Param((size.hidden, size.input)),
            "U": Param((size.hidden, size.hidden)),
            "b": Param((size.hidden,), init="zeros"),
        }

    def state(self, size):
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def step(self, x, state, p):
        h = ops.tanh(p.W @ x + p.U @ state.h + p.b)
        c = 0.9 * state.c + h
        return h + c, {"h": h, "c": c}


class OneRow(Equations):
    """The same with a call of NumPy that no trace follows."""

    def step(self, x, state, p):
        h = np.tanh(np.asarray(p.W @ x + p.U @ state.h + p.b, dtype=float))
        c = 0.9 * state.c + h
        return h + c, {"h": h, "c": c}

    def vjp(self, x, state, p, d_output, d_state):
        h = np.tanh(p.W @ x + p.U @ state.h + p.b)
        d_c = d_output + d_state.c
        d_a = (d_output + d_state.h + d_c) * (1 - h * h)
        gradients = {"W": np.outer(d_a, x), "U": np.outer(d_a, state.h), "b": d_a}
        return p.W.T @ d_a, {"h": p.U.T @ d_a, "c": 0.9 * d_c}, gradients


class ManyRows(Equations):
    """The same for all rows together."""

    batched = True

    def step(self, x, state, p):
        h = np.tanh(x @ p.W.T + state.h @ p.U.T + p.b)
        c = 0.9 * state.c + h
        return h + c, {"h": h, "c": c}

    def vjp(self, x, state, p, d_output, d_state):
        h = np.tanh(x @ p.W.T + state.h @ p.U.T + p.b)
        d_c = d_output + d_state.c
        d_a = (d_output + d_state.h + d_c) * (1 - h * h)
        gradients = {"W": d_a.T @ x, "U": d_a.T @ state.h, "b": d_a.sum(0)}
        return d_a @ p.W, {"h": d_a @ p.U, "c": 0.9 * d_c}, gradients


class Alone(Cell):
    """No state and no parameter: the output is |x|, which is in NumPy here."""

    def step(self, x, state, p):
        return np.abs(np.asarray(x, dtype=float)), {}

    def vjp(self, x, state, p, d_output, d_state):
        return d_output * np.sign(x), {}, {}
