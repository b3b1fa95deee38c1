"""Maps whose exponents are published, as cells.

Nothing drives them, but a program must read its input: 0.0 * x.
"""

import numpy as np

import ostinato as ost
from ostinato import ops


class Map(ost.Cell):
    """The next state of a map of `dimension` numbers."""

    dimension = 1

    def state(self, size):
        return {"s": ost.State(self.dimension)}

    def step(self, x, state, p):
        s = self.next(state.s) + 0.0 * ops.sum(x)
        return s, {"s": s}


class Logistic(Map):
    """s' = r s (1 - s); ln 2 at r = 4."""

    def __init__(self, *, r=4.0):
        self.r = r

    def next(self, s):
        return self.r * s * (1.0 - s)


class Henon(Map):
    """x' = 1 - 1.4 x^2 + y, y' = 0.3 x."""

    dimension = 2

    def next(self, s):
        x, y = s[0:1], s[1:2]
        return ops.concat([1.0 - 1.4 * x * x + y, 0.3 * x])


class Lorenz(Map):
    """One Runge-Kutta step of order 4 over dt of Lorenz's equations at (10, 28, 8/3)."""

    dimension = 3

    def __init__(self, *, dt=0.01):
        self.dt = dt

    def next(self, s):
        a = self.flow(s)
        b = self.flow(s + 0.5 * self.dt * a)
        c = self.flow(s + 0.5 * self.dt * b)
        d = self.flow(s + self.dt * c)
        return s + self.dt / 6.0 * (a + 2.0 * b + 2.0 * c + d)

    def flow(self, s):
        x, y, z = s[0:1], s[1:2], s[2:3]
        return ops.concat([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


def network(cell):
    """A map's network; its input and hidden sizes mean nothing."""
    return ost.Recurrent(cell, 1, 1, dtype="float64")


def start(*values):
    """An initial state."""
    return {"s": np.array(values).reshape(1, 1, -1)}
