"""The Kalman filter of a linear state space with one observation, as a step of the language."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ostinato.cell import Cell, State
from ostinato.dims import Dim
from ostinato.namespace import Names
from ostinato.ops import Value, dot, exp, outer
from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class Structure:
    """x' = F x + w, y = H x + v, with independent noises w and v.

    transition F (S, S); observation H (S,); noisy (S, K): which states each of the K variances of w drives.
    """

    transition: Array
    observation: Array
    noisy: Array
    names: tuple[str, ...]

    @classmethod
    def of(cls, trend: bool, season: int) -> Structure:
        """A level that walks at random; with `trend`, its slope does too; with a season, its pattern changes.

        The season has season - 1 states, whose sum with the next one is noise. Source: Harvey 1989,
        "Forecasting, structural time series models and the Kalman filter", section 2.3.
        """
        slopes, seasons = int(trend), season - 1
        size = 1 + slopes + seasons
        transition, observation = np.zeros((size, size)), np.zeros(size)
        transition[0, : 1 + slopes] = 1.0
        transition[slopes, slopes] = 1.0
        observation[0] = 1.0
        first = 1 + slopes
        if seasons:
            transition[first, first:] = -1.0
            transition[first + 1 :, first:-1] = np.eye(seasons - 1)
            observation[first] = 1.0
        driven = [0, *([1] if trend else []), *([first] if seasons else [])]
        names = ("level", *(["trend"] if trend else []), *(["season"] if seasons else []))
        return cls(transition, observation, np.eye(size)[:, driven], names)

    @property
    def size(self) -> int:
        """S, the numbers of a state."""
        return len(self.observation)


class KalmanFilter(Cell):
    """The prediction of the next observation, and the update by it.

        e = y - H a, f = H P H^T + r           the error, and its variance
        a' = F (a + P H^T e / f),  P' = F (P - P H^T H P / f) F^T + Q

    x (2 + K + 1,): y; 1.0 if it is known or 0.0 if it is missing, and then a' = F a, P' = F P F^T + Q; the
    logarithms of the variances of the K noises w, and of v. Output (2,): e and f. The states a (S,) and
    P (S, S) are those before the observation. Source: Kalman 1960; Durbin and Koopman 2012, section 4.3.
    """

    name = "kalman_filter"

    def __init__(self, *, trend: bool = True, season: int = 1) -> None:
        """Choose the structure."""
        self.trend, self.season = trend, season

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return a (S,) and P (S, S)."""
        states = Structure.of(self.trend, self.season).size
        return {"a": State(states), "P": State((states, states))}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return e and f, and the next a and P."""
        made = Structure.of(self.trend, self.season)
        noises, F, H = len(made.names), made.transition, made.observation
        variances = exp(x[2 : 3 + noises])
        m = state.P @ H
        error = x[0] - dot(state.a, H)
        f = dot(m, H) + variances[noises]
        gain = x[1] / f
        a = F @ (state.a + m * (error * gain))
        P = F @ (state.P - outer(m, m) * gain) @ F.T
        for one in range(noises):
            P = P + np.diag(made.noisy[:, one]) * variances[one]
        return np.array([1.0, 0.0]) * error + np.array([0.0, 1.0]) * f, {"a": a, "P": P}
