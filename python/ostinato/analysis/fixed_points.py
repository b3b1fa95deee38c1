"""`fixed_points`: states that a constant input leaves unchanged, and whether they attract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato import checks
from ostinato.analysis.drawing import axes
from ostinato.analysis.inputs import Inputs
from ostinato.analysis.system import System
from ostinato.errors import ShapeError
from ostinato.interruptible import interruptible
from ostinato.sequences.arrays import Array, as_array, as_floats

# Damping: its initial value, and the value at which a start is given up. Two attempts differ by the usual
# factor of 10.
DAMPING, HOPELESS = 1e-3, 1e12


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """P different fixed points z* = F(z*, x), by residual; n numbers in the state of all layers."""

    points: Array
    """(P, n)."""
    residuals: Array
    """|F(z*, x) - z*|, (P,)."""
    eigenvalues: Array
    """Of dF/dz at each point, complex, by decreasing modulus, (P, n)."""
    stable: Array
    """Whether all eigenvalues lie inside the unit circle, (P,)."""
    found: Array
    """The number of starts that converged there, (P,). This does not measure the basin of attraction:
    Newton's steps are not the network's.
    """
    starts: int
    """The number of starts; starts that are not counted in `found` reached no fixed point."""
    slots: dict[str, slice]
    """The position of each state in z."""

    def plot(self, ax: Any = None) -> Any:
        """Eigenvalues of all points in the complex plane; returns the axes."""
        ax = axes(
            ax, xlabel="real", ylabel="imaginary", title="Eigenvalues at the fixed points", aspect="equal"
        )
        turn = np.linspace(0, 2 * np.pi, 200)
        ax.plot(np.cos(turn), np.sin(turn), color="0.4", linewidth=0.8, linestyle="--")
        for stable, color, label in ((True, "C0", "stable"), (False, "C3", "unstable")):
            values = self.eigenvalues[self.stable == stable].ravel()
            if values.size:
                count = int(np.sum(self.stable == stable))
                ax.plot(values.real, values.imag, "o", color=color, markersize=4, label=f"{label} ({count})")
        if len(self.points):
            ax.legend(loc="upper left")
        ax.set_adjustable("datalim")
        return ax


def fixed_points(
    net: Any,
    x: Any = None,
    *,
    starts: Any = 64,
    scale: float = 1.0,
    seed: int = 0,
    tolerance: float = 1e-10,
    iterations: int = 200,
    distance: float = 1e-6,
) -> FixedPoints:
    """Fixed points of a network's state under a constant input, from many starts.

    Args:
        net: a network of one direction; the states of all its layers together are the state z (n,).
        x: (F,) floats or one id, a dict of those for several inputs; None for zeros.
        starts: a number of random starts (the first of which is zero), or an array (K, n) of them.
        scale: standard deviation of the random starts.
        seed: of the random starts.
        tolerance: a start has converged when |F(z) - z| <= tolerance * (1 + |z|).
        iterations: the largest number of attempts for each start.
        distance: points closer than distance * (1 + |z|) count as one.

    Levenberg-Marquardt on F(z) - z with the Jacobian from forward mode, all starts in one batch; as the
    damping vanishes it becomes Newton's method. There may be fixed points that are not found. Raises
    DTypeError, ShapeError, ConfigError naming the argument. Source: Sussillo and Barak 2013; Marquardt 1963.
    """
    owner = "fixed_points"
    system = System.of(net).one_way()
    tolerance = checks.number(owner, "tolerance", tolerance, above=0.0)
    distance = checks.number(owner, "distance", distance, at_least=0.0)
    iterations = checks.whole(owner, "iterations", iterations, at_least=1)
    z = _starts(system, starts, checks.number(owner, "scale", scale, at_least=0.0), seed)
    x_rows = system.read_constant(x).repeated(len(z))
    z, residuals, slopes = _search(system, z, x_rows, tolerance, iterations, distance)
    done = residuals <= tolerance * (1.0 + np.linalg.norm(z, axis=1))

    kept: list[int] = []
    found: list[int] = []
    for k in np.flatnonzero(done)[np.argsort(residuals[done], kind="stable")]:
        near = [p for p, one in enumerate(kept) if _apart(z[one], z[k]) <= distance]
        if near:
            found[near[0]] += 1
        else:
            kept.append(int(k))
            found.append(1)
    eigenvalues = (
        interruptible(np.linalg.eigvals, slopes[kept]).astype(complex).reshape(len(kept), system.size)
    )
    order = np.argsort(-np.abs(eigenvalues), axis=1, kind="stable")
    eigenvalues = np.take_along_axis(eigenvalues, order, axis=1)
    return FixedPoints(
        points=z[kept],
        residuals=residuals[kept],
        eigenvalues=eigenvalues,
        stable=np.all(np.abs(eigenvalues) < 1.0, axis=1),
        found=np.array(found, dtype=int),
        starts=len(z),
        slots=system.slots,
    )


def _apart(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a - b) / (1.0 + np.linalg.norm(a)))


def _starts(system: System, starts: Any, scale: float, seed: int) -> Array:
    if as_array("starts", starts).ndim == 0:
        count = checks.count("fixed_points", "starts", starts, at_least=1)
        rng = np.random.default_rng(checks.whole("fixed_points", "seed", seed, at_least=0))
        drawn = scale * rng.standard_normal((count, system.size))
        drawn[0] = 0.0
        return drawn
    z: Array = as_floats("starts", starts, "float64").copy()
    if z.ndim != 2 or z.shape[1] != system.size or not len(z):
        raise ShapeError(
            f"starts is {z.shape}; expected (K, {system.size}), states of all layers side by side"
        )
    return z


def _search(
    system: System, z: Array, x: Inputs, tolerance: float, iterations: int, distance: float
) -> tuple[Array, Array, Array]:
    """The end point of each start, its residual and the Jacobian there.

    If an eigenvalue is 1, the residual is small long before the point is near (s^3 against s), so a search
    continues while its steps are not small compared with `distance`, as long as that helps.
    """
    after, slopes = system.jacobian(z, x)
    wrong = after - z
    norms = np.linalg.norm(wrong, axis=1)
    norms[~np.isfinite(norms)] = np.inf
    damping = np.full(len(z), DAMPING)
    eye = np.eye(system.size)
    moved = np.full(len(z), np.inf)
    over = np.zeros(len(z), bool)
    for _ in range(iterations):
        scale = 1.0 + np.linalg.norm(z, axis=1)
        near = norms <= tolerance * scale
        over |= near & ((norms == 0.0) | (moved <= 0.1 * distance * scale))
        active = np.flatnonzero(~over & (damping < HOPELESS) & np.isfinite(norms))
        if not active.size:
            break
        a = slopes[active] - eye
        gram = a.swapaxes(1, 2) @ a
        # Relative to the matrix, so that the scale of the state does not matter; never 0, so never singular.
        weight = damping[active] * (np.trace(gram, axis1=1, axis2=2) / system.size + 1e-300)
        right = -np.einsum("kij,ki->kj", a, wrong[active])
        move = np.linalg.solve(gram + weight[:, None, None] * eye, right[:, :, None])[:, :, 0]
        # A slope below 1e-8 vanishes next to 1 when squared; near a point, neither squaring nor damping is
        # used.
        last = near[active]
        inverse = np.linalg.pinv(a[last], rcond=1e-15)
        move[last] = -np.einsum("kij,kj->ki", inverse, wrong[active][last])
        tried = z[active] + move
        after, new_slopes = system.jacobian(tried, x.take(active))
        new_wrong = after - tried
        new_norms = np.linalg.norm(new_wrong, axis=1)
        # Also false for NaN.
        good = new_norms < norms[active]
        better = active[good]
        z[better], wrong[better], slopes[better] = tried[good], new_wrong[good], new_slopes[good]
        norms[better] = new_norms[good]
        damping[better] = np.maximum(damping[better] / 10.0, 1e-14)
        moved[better] = np.linalg.norm(move[good], axis=1)
        damping[active[~good]] *= 10.0
        # Near a point only rounding makes a step worse.
        over[active[~good]] |= near[active[~good]]
    return z, norms, slopes
