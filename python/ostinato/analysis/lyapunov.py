"""`lyapunov_spectrum`: the rates at which nearby states diverge or converge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato import checks
from ostinato.analysis.drawing import axes
from ostinato.analysis.inputs import Inputs
from ostinato.analysis.system import System
from ostinato.errors import NonFiniteError, ShapeError
from ostinato.interruptible import interruptible
from ostinato.sequences.arrays import Array, as_array
from ostinato.settings import ignoring


@dataclass(frozen=True, eq=False)
class LyapunovSpectrum:
    """Lyapunov exponents, decreasing; in units of 1 / (steps * dt)."""

    exponents: Array
    """(k,): natural logarithm of the growth per unit of time."""
    history: Array
    """(M, k): the mean up to each of the M points of measurement; the last one is `exponents`."""
    times: Array
    """(M,): the time of each point since the warm-up."""
    state: Array
    """(n,): the state at the end."""

    @property
    def largest(self) -> float:
        """Above 0: chaos. Below 0: the state forgets its initial value."""
        return float(self.exponents[0])

    @property
    def drift(self) -> float:
        """The change of the largest exponent over the second half of the run."""
        half = self.history[len(self.history) // 2 :, 0]
        # The exponent of a state that vanishes directly is -inf throughout, and does not change.
        return 0.0 if (half == half[0]).all() else float(np.ptp(half))

    def plot(self, ax: Any = None) -> Any:
        """The exponents' means against time; returns the axes."""
        ax = axes(ax, xlabel="time", ylabel="exponent", title="Lyapunov spectrum: convergence")
        for k in range(self.history.shape[1]):
            # A legend of more than six entries is unreadable.
            label = f"{self.exponents[k]:.4g}" if self.history.shape[1] <= 6 else None
            ax.plot(self.times, self.history[:, k], linewidth=1.0, label=label)
        ax.axhline(0.0, color="0.4", linewidth=0.8, linestyle="--")
        if self.history.shape[1] <= 6:
            ax.legend()
        return ax


def lyapunov_spectrum(
    net: Any,
    x: Any = None,
    *,
    steps: int | None = None,
    warmup: int = 100,
    state: Any = None,
    count: int | None = None,
    every: int = 1,
    dt: float = 1.0,
    seed: int = 0,
) -> LyapunovSpectrum:
    """Lyapunov exponents of a network's state along one trajectory, by QR of tangents.

    Args:
        net: a network of one direction; the states of all its layers together are the state.
        x: (1, T, F) floats or (1, T) ids as input; (F,) or one id as a constant input; None for zeros.
        steps: steps measured after the warm-up; required unless x is a sequence, which determines them.
        warmup: steps before the measurement, so that state and tangents settle. They are the first steps of a
            sequence.
        state: the initial state, a dict as in `net.run` with N = 1; None for zeros.
        count: the number of exponents, the largest first; None for all n.
        every: steps between two QR factorizations, for speed. Tangents must stay distinct meanwhile: the
            product of `every` steps should not stretch one direction by 1e6 times more than another.
        dt: time per step, by which the exponents are divided.
        seed: of the first tangents.

    Tangents are those of the programs' forward mode, `count` rows of one batch. Raises ConfigError,
    ShapeError or DTypeError naming the argument, NonFiniteError if the trajectory is not finite. Source:
    Benettin et al. 1980; for networks Engelken et al. 2023.
    """
    system = System.of(net).one_way()
    n = system.size
    warmup = checks.count("lyapunov_spectrum", "warmup", warmup, at_least=0)
    every = checks.whole("lyapunov_spectrum", "every", every, at_least=1)
    dt = checks.number("lyapunov_spectrum", "dt", dt, above=0.0)
    k = n if count is None else checks.whole("lyapunov_spectrum", "count", count, at_least=1)
    if k > n:
        raise ShapeError(f"lyapunov_spectrum: count is {count}; expected at most {n}, the size of the state")
    drive, total = _drive(system, x, steps, warmup)
    rng = np.random.default_rng(checks.whole("lyapunov_spectrum", "seed", seed, at_least=0))
    q = interruptible(np.linalg.qr, rng.standard_normal((n, k)))[0]
    z = np.repeat(system.initial(state, 1), k, axis=0)

    sums, measured = np.zeros(k), 0
    history, times = [], []
    at = 0
    while at < total:
        # A stretch ends at the end of the warm-up.
        stop = min(at + every, warmup if at < warmup else total)
        z, columns = system.push(z, np.ascontiguousarray(q.T), _stretch(drive, at, stop, k))
        if not (np.isfinite(z).all() and np.isfinite(columns).all()):
            raise NonFiniteError(
                f"net: the state or a tangent is not finite after {stop} steps; use a smaller `every`, "
                "or another initial state"
            )
        q, r = np.linalg.qr(columns.T)
        if stop > warmup:
            # A direction that vanishes in one step has the exponent -inf.
            sums += ignoring(np.log, np.abs(np.diagonal(r)))
            measured += stop - at
            history.append(sums / (measured * dt))
            times.append(measured * dt)
        at = stop
    means = np.array(history)
    # QR finds them in decreasing order, except those that have not converged.
    order = np.argsort(-means[-1], kind="stable")
    return LyapunovSpectrum(means[-1][order], means[:, order], np.array(times), z[0])


def _drive(system: System, x: Any, steps: int | None, warmup: int) -> tuple[Inputs, int]:
    """The input, (1, T, F) or (1, 1, F) if constant, and the total number of steps."""
    sequence = x is not None and _is_sequence(system, x)
    if not sequence:
        measured = checks.count("lyapunov_spectrum", "steps", steps, at_least=1)
        return system.read_constant(x), warmup + measured
    drive, _ = system.read(x)
    if drive.rows != 1:
        raise ShapeError(f"x has {drive.rows} rows; expected one trajectory")
    most = drive.steps - warmup
    measured = most if steps is None else checks.count("lyapunov_spectrum", "steps", steps, at_least=1)
    if not 1 <= measured <= most:
        raise ShapeError(
            f"x has {drive.steps} steps; expected at least {warmup + max(measured, 1)}: warmup and steps"
        )
    return drive, warmup + measured


def _stretch(drive: Inputs, start: int, stop: int, rows: int) -> Inputs:
    part = drive.part(start, stop) if drive.steps > 1 else drive.held(stop - start)
    return part.repeated(rows)


def _is_sequence(system: System, x: Any) -> bool:
    """Whether x is a whole sequence, or the input of one step."""
    ports = system.net._ports
    given = ports.by_name("x", x, ports.inputs, plain=len(ports.inputs) == 1)
    return any(
        as_array(name, given[name]).ndim == (2 if node.limit is not None else 3)
        for name, node in ports.inputs.items()
        if node.axis != "row"
    )
