"""Where a series stands: all that forecasts of its next steps need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ostinato.errors import FormatError, shown
from ostinato.models import stored
from ostinato.models.forecasting.series.covariates import Covariates
from ostinato.models.forecasting.series.history import History
from ostinato.models.forecasting.series.smoothing import Smoothing
from ostinato.sequences.arrays import Array

PASS: Final = 256
"""Rows of a pass without gradients."""


@dataclass(frozen=True, eq=False)
class Standing:
    """One series after its last step: scale, smoothing, state of the network, its last output (O,).

    covariates: scaled, from the last step on, which is their step 0.

    Nothing of it is written to: a new value makes a new one.
    """

    scale: float
    smoothing: Smoothing
    states: dict[str, Array]
    output: Array
    covariates: Covariates | None = None

    def __len__(self) -> int:
        """How many steps there were."""
        return int(self.smoothing.count[0])


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
            known = None if row.covariates is None else row.covariates.since(len(row) - 1)
            standings.append(Standing(row.scale, row.smoothing, states, own[-1].copy(), known))
            outputs.append(own)
    return standings, outputs


def steps_of(net: Any, one: Standing, values: Array, window: int) -> Iterator[Standing]:
    """The series after each of its next values z (k,), bit-identical to a pass over the whole series."""
    smoothing, states = one.smoothing.take([0]), one.states
    stream = net.stream(1)
    stream.state = states
    for step, value in enumerate(values, 1):
        features, known = smoothing.step(np.array([value])).astype(np.float32), one.covariates
        if known is not None:
            features = np.concatenate([features, known.features(step, 1, window)], axis=1)
            known = known.since(step)
        output = stream.step(features)[0].copy()
        states = {name: state.copy() for name, state in stream.state.items()}
        yield Standing(one.scale, smoothing.take([0]), states, output, known)


def to_file(standings: Sequence[Standing]) -> dict[str, Any]:
    """Standings as arrays for a model file."""
    names = list(standings[0].states)
    known = [one.covariates for one in standings if one.covariates is not None]
    covariates = {
        name: [getattr(one, name) for one in known] for name in ("past", "future", "static") if known
    }
    return {
        **({"covariates": covariates} if known else {}),
        "scales": np.array([one.scale for one in standings]),
        "smoothing": Smoothing.joined([one.smoothing for one in standings]).numbers(),
        "outputs": np.stack([one.output for one in standings]),
        "states": {name: np.concatenate([one.states[name] for one in standings], 1) for name in names},
    }


def from_file(state: Mapping[str, Any], season: int) -> list[Standing]:
    """The inverse of `to_file`. Raises FormatError."""
    scales = stored.floats("scales", state["scales"], None, above=0)
    known, count = state.get("covariates"), len(scales)
    smoothing = Smoothing.from_numbers(np.asarray(state["smoothing"], np.float64), season)
    if len(smoothing) != count:
        raise stored.wrong("scales", state["scales"], f"({len(smoothing)},)")
    outputs = stored.floats("outputs", state["outputs"], count, None).astype(np.float32)
    states = {
        name: _states(f"states[{shown(name)}]", part, count).astype(np.float32)
        for name, part in state["states"].items()
    }
    covariates: list[Covariates | None] = [None] * count
    if known is not None:
        parts = (
            [np.asarray(one, np.float64) for one in known[name]] for name in ("past", "future", "static")
        )
        covariates = [Covariates(*one) for one in zip(*parts, strict=True)]
    return [
        Standing(
            float(scale),
            smoothing.take([n]),
            {name: np.ascontiguousarray(part[:, n : n + 1]) for name, part in states.items()},
            outputs[n],
            covariates[n],
        )
        for n, scale in enumerate(scales)
    ]


def check_states(net: Any, standings: Iterable[Standing]) -> None:
    """Raises FormatError for states that the network does not have."""
    wanted = {name: part.shape for name, part in net.stream(1).state.items()}
    for one in standings:
        found = {name: part.shape for name, part in one.states.items()}
        if found != wanted:
            raise FormatError(
                f"the states of a series have the shapes {shown(found)}; those of the network are "
                f"{shown(wanted)}"
            )


def _states(name: str, value: Any, count: int) -> Array:
    """A state of all series (layers, count, ...). Raises FormatError."""
    more = max(np.ndim(value) - 2, 0)
    return stored.floats(name, value, None, count, *([None] * more))
