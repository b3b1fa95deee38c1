"""Where a series stands: all that forecasts of its next steps need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato.models.history import History
from ostinato.models.smoothing import Smoothing
from ostinato.sequences.arrays import Array

PASS: Final = 256
"""Rows of a pass without gradients."""


@dataclass(frozen=True, eq=False)
class Standing:
    """One series after its last step: scale, smoothing, state of the network, its last output (O,).

    Nothing of it is written to: a new value makes a new one.
    """

    scale: float
    smoothing: Smoothing
    states: dict[str, Array]
    output: Array


def passed(net: Any, rows: Sequence[History]) -> tuple[list[Standing], list[Array]]:
    """Where each series stands after its last step, and the outputs (n, O) of all its steps."""
    standings: list[Standing] = []
    outputs: list[Array] = []
    for start in range(0, len(rows), PASS):
        part = rows[start : start + PASS]
        run = net.run([row.features for row in part])
        for n, row in enumerate(part):
            own = run.outputs[n][: len(row)]
            states = {
                name: np.ascontiguousarray(state[:, n : n + 1]) for name, state in run.final_state.items()
            }
            standings.append(Standing(row.scale, row.smoothing, states, own[-1].copy()))
            outputs.append(own)
    return standings, outputs


def to_file(standings: Sequence[Standing]) -> dict[str, Any]:
    """Standings as arrays for a model file."""
    names = list(standings[0].states)
    return {
        "scales": np.array([one.scale for one in standings]),
        "smoothing": Smoothing.joined([one.smoothing for one in standings]).numbers(),
        "outputs": np.stack([one.output for one in standings]),
        "states": {name: np.concatenate([one.states[name] for one in standings], 1) for name in names},
    }


def from_file(state: Mapping[str, Any], season: int) -> list[Standing]:
    """The inverse of `to_file`."""
    smoothing = Smoothing.from_numbers(np.asarray(state["smoothing"], np.float64), season)
    return [
        Standing(
            float(scale),
            smoothing.take([n]),
            {name: np.ascontiguousarray(part[:, n : n + 1]) for name, part in state["states"].items()},
            np.asarray(state["outputs"][n]),
        )
        for n, scale in enumerate(state["scales"])
    ]
