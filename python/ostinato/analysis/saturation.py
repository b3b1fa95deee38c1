"""`saturation`: units at their limit, and units that never change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ostinato import checks
from ostinato.analysis.drawing import axes
from ostinato.analysis.system import System
from ostinato.buffers import buffered
from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class Saturation:
    """The states and outputs of a network over some data, by name: `h`, `c`, ..., `output`.

    Of several outputs each is `output.NAME`. For an output of rows, fractions are of rows.

    It covers states and outputs, not values inside the step: for those see `gates`. A threshold near 1 means
    saturation for results of tanh or sigmoid; for an unbounded state (an LSTM's c, relu) it only counts how
    often the state is large.
    """

    threshold: float
    saturated: dict[str, Array]
    """Fraction of rows and steps in which |unit| > threshold, (size,)."""
    dead: dict[str, Array]
    """Whether the unit has one value over all rows and steps, (size,)."""
    deviation: dict[str, Array]
    """Standard deviation over rows and steps, (size,)."""

    def plot(self, ax: Any = None) -> Any:
        """Fraction saturated of each unit, decreasing; dead units are counted; returns the axes."""
        ax = axes(
            ax,
            xlabel="units, by falling fraction",
            ylabel=f"fraction of steps with |unit| > {self.threshold:g}",
            ylim=(-0.03, 1.03),
            title="Saturation",
        )
        for place, (name, fractions) in enumerate(self.saturated.items()):
            dead = int(self.dead[name].sum())
            # An output is often equal to a state: the thinner line on top shows both.
            ax.plot(np.sort(fractions)[::-1], linewidth=3.0 / (1 + place), label=f"{name}, {dead} dead")
        ax.legend()
        return ax


def saturation(net: Any, x: Any, *, threshold: float = 0.99, state: Any = None) -> Saturation:
    """How often each state and output of a network exceeds a threshold, and which never change.

    x: as in `net.run`, rows of equal length, at least two steps in all to detect a dead unit. threshold:
    above 0. state: as in `net.run`; the initial state is not counted. One call per step. Raises DTypeError,
    ShapeError, ConfigError naming the argument.
    """
    threshold = checks.number("saturation", "threshold", threshold, above=0.0)
    system = System.of(net).one_way()
    inputs, batch = system.read(x)
    z = system.initial(state, batch.rows)
    states = system.trajectory(z, inputs)[:, 1:]
    found = {name: states[:, :, part] for name, part in system.slots.items()}
    outputs = system.net._ports.outputs
    for name, values in zip(outputs, system.run(z, inputs).outputs, strict=True):
        found["output" if len(outputs) == 1 else f"output.{name}"] = values
    flat = {name: values.reshape(-1, values.shape[-1]) for name, values in found.items()}
    return Saturation(
        threshold,
        {name: np.mean(np.abs(values) > threshold, axis=0) for name, values in flat.items()},
        {name: np.ptp(values, axis=0) == 0.0 for name, values in flat.items()},
        {name: _deviation(values) for name, values in flat.items()},
    )


def _deviation(values: Array) -> Array:
    found: Array = buffered(lambda: np.std(values, axis=0), results=3 * values.nbytes)
    return found
