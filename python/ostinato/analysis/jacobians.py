"""`jacobians`: how a small change of the state grows or decays along a trajectory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato.analysis.drawing import axes
from ostinato.analysis.system import System
from ostinato.cached import cached
from ostinato.interruptible import interruptible
from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class Jacobians:
    """State Jacobians along N trajectories of T steps; n numbers in the state of all layers."""

    steps: Array
    """J_t = dz_{t+1}/dz_t, (N, T, n, n)."""
    products: Array
    """J_{T-1} ... J_t = dz_T/dz_t, (N, T, n, n)."""
    states: Array
    """z before each step and after the last, (N, T + 1, n)."""
    slots: dict[str, slice]
    """The position of each state in z."""

    @cached
    def singular_values(self) -> Array:
        """Singular values of the products, decreasing, (N, T, n); below 1e-16 of the greatest is rounding.

        Computed on first access: N T decompositions take longer than all the rest if n is above 100.
        """
        values: Array = interruptible(_singular_values, self.products)
        return values

    def plot(self, ax: Any = None) -> Any:
        """Singular values of dz_T/dz_t of the first row against T - t; returns the axes."""
        ax = axes(
            ax,
            xlabel="steps back from the end, T - t",
            ylabel="singular values of $J_{T-1}...J_t$",
            yscale="log",
            title="Jacobian products",
        )
        values = self.singular_values[0][::-1]
        back = np.arange(1, len(values) + 1)
        # A logarithmic axis cannot show zero.
        shown = np.where(values > 0, values, np.nan)
        ax.plot(back, shown[:, 1:], color="0.75", linewidth=0.8)
        ax.plot(back, shown[:, 0], color="C0", label="greatest")
        ax.plot(back, shown[:, -1], color="C3", label="least")
        ax.axhline(1.0, color="0.4", linewidth=0.8, linestyle="--")
        ax.legend()
        return ax


def jacobians(net: Any, x: Any, *, state: Any = None) -> Jacobians:
    """State Jacobians of a network along its own trajectory, and their products up to the end.

    x: as in `net.run`, rows of equal length. state: as in `net.run`. The Jacobians are exact, from the
    forward mode of the steps: all directions of all steps run as rows of one batch. The trajectory takes one
    call per step. Memory: 2 N T n^2 float64.

    Raises DTypeError, ShapeError, ConfigError naming the argument; ConfigError for a bidirectional network.
    Source: Pascanu et al. 2013, eq. 5.
    """
    system = System.of(net).one_way()
    inputs, _ = system.read(x)
    rows, count = inputs.rows, inputs.steps
    states = system.trajectory(system.initial(state, rows), inputs)
    n = system.size
    before = states[:, :-1].reshape(rows * count, n)
    _, slopes = system.jacobian(before, inputs.single_steps())
    steps = slopes.reshape(rows, count, n, n)
    products = np.empty_like(steps)
    product = np.broadcast_to(np.eye(n), (rows, n, n))
    for t in reversed(range(count)):
        product = product @ steps[:, t]
        products[:, t] = product
    return Jacobians(steps, products, states, system.slots)


def _singular_values(matrices: Array) -> Array:
    values: Array = np.linalg.svd(matrices, compute_uv=False)
    return values
